package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/fleet/agent"
)

// fleetHost reads the metrics of a host in a fleet.
type fleetHost struct {
	agent interface{ Stats() agent.Stats }
}

// Describe sends nothing, as for the tracker's metrics.
func (f *fleetHost) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (f *fleetHost) Collect(ch chan<- prometheus.Metric) {
	x, s := sender{ch: ch}, f.agent.Stats()
	x.gauge(describe("fleet_connected", "Whether the hub of the fleet is connected."), truth(s.Connected))
	x.counter(describe("fleet_reconnects_total", "Connections to a hub after the first."), s.Reconnects)
	x.counter(describe("fleet_messages_total", "Messages to the fleet."), s.Messages)
	x.counter(describe("fleet_bytes_total", "Bytes of the messages to the fleet."), s.Bytes)
	x.counter(describe("fleet_failed_total", "Messages that could not be sent, and questions that could not be answered."), s.Failed)
	x.gauge(describe("fleet_watches", "Views of flows that consoles of the fleet look at."), float64(s.Watches))
	x.gauge(describe("fleet_lag_seconds", "Age of the latest rows when they were sent to the fleet."), s.Lag.Seconds())
}
