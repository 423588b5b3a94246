package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/pair"
)

// pairHalf reads the metrics of one half of a pair.
type pairHalf struct {
	half interface{ Status() pair.Status }
}

// Describe sends nothing, as for the tracker's metrics.
func (p *pairHalf) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric.
func (p *pairHalf) Collect(ch chan<- prometheus.Metric) {
	x, s := sender{ch: ch}, p.half.Status()
	x.gauge(describe("pair_partner_alive", "Whether the other tracker of the pair was heard within five seconds."), truth(s.Alive))
	x.gauge(describe("pair_synced", "Whether the other tracker has told all of its flows."), truth(s.Synced))
	x.gauge(describe("pair_partner_synced", "Whether the other tracker was told all of this one's flows."), truth(s.SyncedThere))
	x.gauge(describe("pair_partner_unread", "Whether the other ctop of the pair runs a version whose messages this one cannot read."), truth(s.Unread))
	x.gauge(describe("pair_lag_seconds", "How long a message to the other tracker takes there and back."), s.Lag.Seconds())
	x.gauge(describe("pair_differing_shards", "Parts of the tables, of 1,024, that differed when they were compared last."), float64(s.Differing))
	x.counter(describe("pair_messages_total", "Messages to the other tracker."), s.Messages)
	x.counter(describe("pair_bytes_total", "Bytes of the messages to the other tracker."), s.Bytes)
	x.counter(describe("pair_told_flows_total", "Flows told to the other tracker, each as often as it was told."), s.Flows)
	x.counter(describe("pair_entered_flows_total", "Flows of the other tracker that were entered or brought up to date."), s.Entered)
	x.counter(describe("pair_ended_flows_total", "Flows that the other tracker ended here."), s.Ended)
	x.counter(describe("pair_mended_flows_total", "Flows that were found missing or left over by comparing."), s.Mended)
	x.counter(describe("pair_lost_messages_total", "Messages of the other tracker that did not come."), s.Lost)
	x.counter(describe("pair_refused_flows_total", "Flows of the other tracker that had no room here."), s.Refused)
	x.counter(describe("pair_conflicts_total", "Flows that were told, and that this tracker has under another id."), s.Conflicts)
}
