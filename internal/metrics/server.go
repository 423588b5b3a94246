package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ctop/tracker"
	"ctop/ui/console"
)

// Source is what the metrics are of. [*tracker.Collector] is one.
type Source interface {
	// Snapshot returns the latest snapshot, nil before the first.
	Snapshot() *tracker.Snapshot
	// SweepTook returns how much of a core the latest sweep took.
	SweepTook() time.Duration
}

// Options say what to tell. All but Consoles are needed.
type Options struct {
	Source Source
	// Healthy says what is wrong.
	Healthy func() error
	// Consoles are counted where they are served.
	Consoles func() console.Stats
}

// Server serves /metrics and /healthz.
type Server struct {
	handler http.Handler
}

// Bounds on a client. A scrape is one small request.
const (
	readTime  = 5 * time.Second
	writeTime = 30 * time.Second
	idleTime  = 2 * time.Minute
	stopTime  = 2 * time.Second
	maxHeader = 16 << 10
	atOnce    = 4
)

// New returns a server that does nothing until it is run.
func New(o Options) *Server {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(&exporter{source: o.Source})
	if o.Consoles != nil {
		registry.MustRegister(&consoles{stats: o.Consoles})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: atOnce, Timeout: writeTime / 2,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := o.Healthy(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	return &Server{handler: mux}
}

// Serve answers those who connect to l until ctx is done, which is no error, and
// closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
	}
	stopped := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(stopped)
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if release() {
		return fmt.Errorf("serve metrics at %s: %w", l.Addr(), err)
	}
	<-stopped
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics at %s: %w", l.Addr(), err)
	}
	return nil
}
