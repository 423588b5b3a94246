package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/alert"
)

// alerts reads the metrics of the operator's alerts, of which there are few.
type alerts struct{ watch *alert.Watch }

// Describe sends nothing, as for the tracker's metrics.
func (a *alerts) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (a *alerts) Collect(ch chan<- prometheus.Metric) {
	x := sender{ch: ch}
	active := describe("alert_active", "Whether an alert of the configuration holds.", "alert")
	flows := describe("alert_flows", "Flows that pass the filter of an alert.", "alert")
	rate := describe("alert_bytes_per_second", "Rate of the flows that pass the filter of an alert.", "alert")
	total := describe("alerts_total", "How often an alert began.", "alert")
	for _, s := range a.watch.Status() {
		x.gauge(active, truth(s.Active), s.Name)
		x.gauge(flows, float64(s.Flows), s.Name)
		x.gauge(rate, s.BPS/8, s.Name)
		x.counter(total, s.Total, s.Name)
	}
}
