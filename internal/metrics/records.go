package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/ipfix"
)

// records reads the metrics of the exporter of flow records.
type records struct {
	exporter interface {
		Stats() []ipfix.Stats
		Unseen() uint64
	}
}

// Describe sends nothing, as for the tracker's metrics.
func (r *records) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (r *records) Collect(ch chan<- prometheus.Metric) {
	x := sender{ch: ch}
	total := describe("ipfix_records_total", "Flow records by what became of them. Over UDP, sent does not mean received.", "collector", "result")
	messages := describe("ipfix_messages_total", "Messages to a collector of flow records.", "collector")
	bytes := describe("ipfix_bytes_total", "Bytes of the messages to a collector of flow records.", "collector")
	waiting := describe("ipfix_records_waiting", "Flow records that wait to be sent.", "collector")
	up := describe("ipfix_collector_up", "Whether a collector takes flow records, as far as that is known.", "collector")
	for _, s := range r.exporter.Stats() {
		x.counter(total, s.Sent, s.Collector, "sent")
		x.counter(total, s.Dropped, s.Collector, "dropped")
		x.counter(messages, s.Messages, s.Collector)
		x.counter(bytes, s.Bytes, s.Collector)
		x.gauge(waiting, float64(s.Waiting), s.Collector)
		x.gauge(up, truth(s.Up), s.Collector)
	}
	x.counter(describe("ipfix_unseen_total", "Flows that ended without a record, because events were lost."), r.exporter.Unseen())
}
