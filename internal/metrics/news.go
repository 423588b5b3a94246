package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/firstseen"
)

// news reads the metrics of what was never there before.
type news struct{ status func() firstseen.Status }

// Describe sends nothing, as for the tracker's metrics.
func (n *news) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (n *news) Collect(ch chan<- prometheus.Metric) {
	s, x := n.status(), sender{ch: ch}
	x.gauge(describe("first_seen_flows", "Flows in the table that brought what was never there before."), float64(s.Marked))
	x.counter(describe("first_seen_total", "Flows that brought what was never there before."), s.Total)
	x.gauge(describe("first_seen_known", "Ports, networks and addresses that are usual."), float64(s.Known))
	x.gauge(describe("first_seen_full", "Whether there was no room for more that is usual."), truth(s.Full))
	x.gauge(describe("first_seen_learning_seconds", "Time for which it is still learned what is usual."), s.Left.Seconds())
}
