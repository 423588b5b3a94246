package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/ui/console"
)

// consoles reads the metrics of the console over SSH.
type consoles struct {
	stats func() console.Stats
}

// Describe sends nothing, as for the tracker's metrics.
func (c *consoles) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (c *consoles) Collect(ch chan<- prometheus.Metric) {
	s, x := c.stats(), sender{ch: ch}
	x.gauge(describe("ssh_sessions", "Sessions that are open, headless commands included."), float64(s.Sessions))
	x.gauge(describe("ssh_consoles", "Consoles that are open."), float64(s.Consoles))
	x.gauge(describe("ssh_connections", "Connections that have authenticated."), float64(s.Connections))
	connections := describe("ssh_connections_total", "Connections by what became of them at the door.", "result")
	x.counter(connections, s.Accepted, "accepted")
	x.counter(connections, s.Refused, "refused")
	x.counter(connections, s.Dropped, "dropped")
	x.counter(describe("ssh_login_failures_total", "Connections that were accepted and did not authenticate."), s.Failed)
	sessions := describe("ssh_sessions_total", "Sessions by what became of them.", "result")
	x.counter(sessions, s.SessionsOpened, "opened")
	x.counter(sessions, s.SessionsRefused, "refused")
	x.counter(describe("ssh_requests_refused_total", "What clients asked for in vain, as forwarding."), s.RequestsRefused)
	x.counter(describe("ssh_stalled_total", "Clients that were cut off for taking nothing, or lost."), s.Stalled)
	x.counter(describe("ssh_acts_total", "Lines of the audit log."), s.Acts)
}
