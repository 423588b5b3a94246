package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/standby"
	"ctop/internal/ipfix"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

// Source provides the data for the metrics. [*tracker.Collector] is one.
type Source interface {
	// Snapshot returns the latest snapshot, nil before the first.
	Snapshot() *flow.Snapshot
	// SweepTook returns the share of a core that the latest sweep took.
	SweepTook() time.Duration
}

// Options configure a server. Source and Healthy are required.
type Options struct {
	Source Source
	// Healthy returns an error if something is wrong.
	Healthy func() error
	// Warnings returns what is wrong without making the tracker ill. It may be nil.
	Warnings func() []string
	// Consoles returns the counters of the console over SSH.
	Consoles func() console.Stats
	// Flows is the exporter of flow records, nil if there is none.
	Flows *ipfix.Exporter
	// Alerts is the watch of the operator's alerts, nil if there is none.
	Alerts *alert.Watch
	// Fleet is the host in a fleet, nil if there is none.
	Fleet *agent.Agent
	// Pair is one half of a pair, nil if there is none.
	Pair *standby.Half
	// FirstSeen is what marks flows with what is new, nil if nothing does.
	FirstSeen *firstseen.Watch
	// Naming is what was read of the traffic for names, nil if nothing is.
	Naming func() flow.Naming
	// Log gets connection errors. It defaults to [slog.Default].
	Log *slog.Logger
}

// Server serves /metrics and /healthz.
type Server struct {
	handler http.Handler
	log     *slog.Logger
}

// Bounds on a client. A scrape is one small request.
const (
	readTime  = 5 * time.Second
	writeTime = 30 * time.Second
	idleTime  = 10 * time.Second
	stopTime  = 2 * time.Second
	maxHeader = 16 << 10
	atOnce    = 4
	// mostConnections is far more than Prometheus, its standby and a few people
	// need.
	mostConnections = 32
)

// New returns a server that does nothing until Serve is called.
func New(o Options) *Server {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(&exporter{source: o.Source})
	if o.Consoles != nil {
		registry.MustRegister(&consoles{stats: o.Consoles})
	}
	if o.Flows != nil {
		registry.MustRegister(&records{o.Flows})
	}
	if o.FirstSeen != nil {
		registry.MustRegister(&news{o.FirstSeen.Status})
	}
	if o.Naming != nil {
		registry.MustRegister(&names{o.Naming})
	}
	if o.Alerts != nil {
		registry.MustRegister(&alerts{o.Alerts})
	}
	if o.Fleet != nil {
		registry.MustRegister(&fleetHost{o.Fleet})
	}
	if o.Pair != nil {
		registry.MustRegister(&pairHalf{o.Pair})
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
		if o.Warnings != nil {
			for _, warning := range o.Warnings() {
				_, _ = fmt.Fprintln(w, warning)
			}
		}
	})
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	return &Server{handler: mux, log: log}
}

// Serve answers requests on l until ctx is done, which is not an error, and
// closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	limited := limit(l, mostConnections)
	server := &http.Server{
		Handler:     checkHost(isLoopback(l.Addr()), s.handler),
		ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ConnState: limited.note,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
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
	err := server.Serve(limited)
	if release() {
		return fmt.Errorf("serve metrics at %s: %w", l.Addr(), err)
	}
	<-stopped
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics at %s: %w", l.Addr(), err)
	}
	return nil
}
