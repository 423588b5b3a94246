package metrics

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// listening starts a server and returns its address.
func listening(t *testing.T, o Options) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// A client that holds many connections takes a bounded number of descriptors,
// and locks nobody out.
func TestConnectionsAreLimited(t *testing.T) {
	addr := listening(t, Options{Source: fake{sample()}, Healthy: func() error { return nil }})
	descriptors := func() int {
		entries, _ := os.ReadDir("/proc/self/fd")
		return len(entries)
	}
	before := descriptors()
	const many = 500
	held := make([]net.Conn, many)
	for i := range held {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		held[i] = c
		defer c.Close() //nolint:errcheck // the server may have closed it
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") // and stay
		}
	}
	// Both ends of each connection count here.
	end := time.Now().Add(time.Minute)
	for descriptors()-before > many+mostConnections+8 && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := descriptors() - before - many; n > mostConnections+8 {
		t.Errorf("the server holds %d connections", n)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, text := fetch(t, client, "http://"+addr+"/metrics"); !strings.Contains(text, "ctop_flows") {
		t.Errorf("%.100s", text)
	}
}

// A name that resolves to a loopback address may belong to an attacker.
func TestHostIsChecked(t *testing.T) {
	addr := listening(t, Options{Source: fake{sample()}, Healthy: func() error { return nil }})
	for host, want := range map[string]int{
		addr: 200, "127.0.0.1": 200, "localhost:9477": 200, "LOCALHOST": 200, "[::1]:9477": 200, "::1": 200, "192.0.2.1": 200,
		"evil.example:9477": 421, "evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421,
	} {
		r, err := http.NewRequest(http.MethodGet, "http://"+addr+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if status, _ := answered(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, r); status != want {
			t.Errorf("%s: %d", host, status)
		}
	}
	anyone := checkHost(false, http.NotFoundHandler())
	r, _ := http.NewRequest(http.MethodGet, "http://edge-1.example/metrics", nil)
	w := &bytes.Buffer{}
	anyone.ServeHTTP(plainWriter{w}, r)
	if !strings.Contains(w.String(), "404") {
		t.Error(w)
	}
}

// plainWriter writes a handler's output to a buffer.
type plainWriter struct{ *bytes.Buffer }

func (plainWriter) Header() http.Header { return http.Header{} }
func (plainWriter) WriteHeader(int)     {}

// lines is a log that tests read.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// The server's own errors are in the log.
func TestErrorsAreLogged(t *testing.T) {
	log := make(lines, 10)
	addr := listening(t, Options{
		Source: fake{sample()}, Healthy: func() error { panic("by intention") }, Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	for end := time.Now().Add(time.Minute); len(log) == 0 && time.Now().Before(end); { // one that comes late is cut off
		if response, err := http.Get("http://" + addr + "/healthz"); err == nil {
			_ = response.Body.Close()
			t.Error(response.Status)
		}
	}
	select {
	case line := <-log:
		if !strings.Contains(line, `"level":"WARN"`) || !strings.Contains(line, "by intention") {
			t.Error(line)
		}
	default:
		t.Error("nothing is logged")
	}
}
