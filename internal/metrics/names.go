package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/tracker/flow"
)

// names reads the metrics of names that are read from traffic. They come once some are read.
type names struct{ status func() flow.Naming }

// Describe sends nothing, as for the tracker's metrics.
func (n *names) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (n *names) Collect(ch chan<- prometheus.Metric) {
	s, x := n.status(), sender{ch: ch}
	x.counter(describe("names_hellos_total", "Hellos of TLS and QUIC that were read for names."), s.Hellos)
	x.counter(describe("names_named_total", "Hellos with the name of a server."), s.Named)
	x.counter(describe("names_answers_total", "Answers of DNS with addresses of a name."), s.Answers)
	x.gauge(describe("names_addresses", "Addresses that have a name of DNS."), float64(s.Addresses))
	x.counter(describe("names_lost_total", "Packets and flows that were not read for names: too many, or too fast."), s.Lost())
}
