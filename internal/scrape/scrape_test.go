package scrape

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Metrics are read with their labels, and other lines passed over.
func TestMetrics(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprint(w, "# HELP ctop_flows Flows.\nctop_flows{state=\"NEW\"} 3\nctop_pair_synced 1\ngo_threads 9\nctop_uptime_seconds 1.5e+01\n")
	}))
	address := strings.TrimPrefix(s.URL, "http://")
	want := map[string]float64{`flows{state="NEW"}`: 3, "pair_synced": 1, "uptime_seconds": 15}
	if got := Metrics(address); !maps.Equal(got, want) {
		t.Errorf("they are %v, want %v", got, want)
	}
	if status, text, err := Page(address, "/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "ctop_flows") || err != nil {
		t.Errorf("%d %q %v", status, text, err)
	}
	s.Close()
	if got := Metrics(address); len(got) != 0 {
		t.Errorf("nobody served %v", got)
	}
	if _, _, err := Page(address, "/"); err == nil {
		t.Error("nobody served a page")
	}
}
