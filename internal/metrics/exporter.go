package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ctop/tracker/flow"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ctop_"+name, help, labels, nil)
}

// descriptions are the tracker's metrics.
type descriptions struct {
	flows, maxFlows, fill                       *prometheus.Desc
	created, destroyed, tableFull, tableBusy    *prometheus.Desc
	packets, bytes, verdicts, actions, invalid  *prometheus.Desc
	badChecksums, untracked                     *prometheus.Desc
	events, lost                                *prometheus.Desc
	scan, sweep, age, uptime, interfaceUp, info *prometheus.Desc
	stalled, used, dropped                      *prometheus.Desc
	seenPackets, seenBytes, behind, unitFlows   *prometheus.Desc
}

func newDescriptions() descriptions {
	return descriptions{
		flows:        describe("flows", "Flows in the table.", "state"),
		maxFlows:     describe("flows_max", "Capacity of the table."),
		fill:         describe("table_fill_ratio", "Share of the table that is taken."),
		created:      describe("flows_created_total", "Flows that began."),
		destroyed:    describe("flows_destroyed_total", "Flows that ended.", "reason"),
		tableFull:    describe("table_full_total", "Flows that found no room and were not tracked."),
		tableBusy:    describe("table_busy_total", "Flows that found their place in the table in use and were not tracked."),
		packets:      describe("packets_total", "Packets that came in."),
		bytes:        describe("bytes_total", "Bytes of the frames that came in."),
		verdicts:     describe("verdicts_total", "Packets by what tracking concluded about them.", "verdict"),
		actions:      describe("actions_total", "Packets by what became of them.", "action"),
		dropped:      describe("dropped_total", "Packets that were not forwarded.", "reason"),
		invalid:      describe("invalid_total", "Packets that were called invalid.", "reason"),
		badChecksums: describe("bad_checksums_total", "Packets with a wrong checksum, where it is looked at."),
		untracked:    describe("untracked_total", "Packets that were not tracked.", "reason"),
		events:       describe("events_total", "Events that the kernel made."),
		lost:         describe("events_lost_total", "Events that found no room in a reader's buffer."),
		scan:         describe("scan_seconds", "Time that the latest reading of the table took."),
		sweep:        describe("sweep_seconds", "Processor time that the latest search for expired flows took."),
		age:          describe("snapshot_age_seconds", "Age of the latest snapshot."),
		uptime:       describe("uptime_seconds", "Time since the tracker was attached."),
		interfaceUp:  describe("interface_up", "Whether an interface exists and is up.", "interface", "mode"),
		stalled:      describe("forwarding_stalled", "Whether an interface receives and the other one sends nothing.", "from", "to"),
		used:         describe("interface_used", "Whether the machine itself uses an interface, which it cannot while the tracker takes every packet.", "interface"),
		seenPackets:  describe("interface_packets_total", "Packets that came in or went out by a watched interface.", "interface", "direction"),
		seenBytes:    describe("interface_bytes_total", "Bytes of the frames that came in or went out by a watched interface.", "interface", "direction"),
		behind:       describe("interface_behind", "Whether another program stands before the tracker at a watched interface, and may hide packets from it.", "interface"),
		unitFlows:    describe("unit_flows", "Flows of a systemd unit, where interfaces are watched.", "unit"),
		info:         describe("tracker_info", "Always 1.", "host", "policy"),
	}
}

// exporter reads the tracker's metrics from its latest snapshot.
type exporter struct {
	source Source
}

// Describe sends nothing, since the metrics depend on the snapshot. The
// registry checks each scrape instead.
func (e *exporter) Describe(chan<- *prometheus.Desc) {}

// Collect sends every metric, and none before the first snapshot.
func (e *exporter) Collect(ch chan<- prometheus.Metric) {
	s := e.source.Snapshot()
	if s == nil {
		return
	}
	x := sender{ch: ch, descriptions: newDescriptions()}
	x.table(s)
	x.counters(&s.Counters)
	if s.Checksums {
		x.counter(x.badChecksums, s.Counters.BadChecksums)
	}
	x.gauge(x.scan, s.Took.Seconds())
	x.gauge(x.sweep, e.source.SweepTook().Seconds())
	x.gauge(x.age, time.Since(s.Time).Seconds())
	x.gauge(x.uptime, s.Uptime.Seconds())
	x.gauge(x.info, 1, s.Host, s.Policy.String())
	for n, i := range s.Interfaces {
		if i.Followed && i.Index == 0 {
			continue // it may never come back
		}
		x.gauge(x.interfaceUp, truth(i.Up), i.Name, i.Mode.String())
		if to, ok := s.Onward(n); ok {
			x.gauge(x.stalled, truth(n < len(s.Stalled) && s.Stalled[n]), i.Name, s.Interfaces[to].Name)
		}
		x.gauge(x.used, truth(i.Use != ""), i.Name)
		if i.Role == flow.RoleWatch {
			x.watched(&i)
		}
	}
	if len(s.Interfaces) > 0 && s.Interfaces[0].Role == flow.RoleWatch {
		x.units(s)
	}
}

// watched sends the metrics of a watched interface.
func (x sender) watched(i *flow.Interface) {
	x.gauge(x.behind, truth(i.Behind != ""), i.Name)
	x.counter(x.seenPackets, i.In.Packets, i.Name, "in")
	x.counter(x.seenPackets, i.Out.Packets, i.Name, "out")
	x.counter(x.seenBytes, i.In.Bytes, i.Name, "in")
	x.counter(x.seenBytes, i.Out.Bytes, i.Name, "out")
}

// truth returns 1 for true and 0 for false.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// sender sends the metrics of one scrape.
type sender struct {
	descriptions
	ch chan<- prometheus.Metric
}

func (x sender) gauge(d *prometheus.Desc, v float64, labels ...string) {
	x.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, valid(labels)...)
}

func (x sender) counter(d *prometheus.Desc, v uint64, labels ...string) {
	x.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), valid(labels)...)
}

func (x sender) table(s *flow.Snapshot) {
	counts := map[flow.State]int{}
	for i := range s.Flows {
		counts[s.Flows[i].State]++
	}
	for _, state := range flow.States() {
		x.gauge(x.flows, float64(counts[state]), state.String())
	}
	x.gauge(x.maxFlows, float64(s.MaxFlows))
	x.gauge(x.fill, float64(len(s.Flows))/float64(max(s.MaxFlows, 1)))
}

func (x sender) counters(c *flow.Counters) {
	x.counter(x.created, c.FlowsCreated)
	for _, r := range flow.Reasons() {
		x.counter(x.destroyed, c.Destroyed[r], r.String())
	}
	x.counter(x.tableFull, c.TableFull)
	x.counter(x.tableBusy, c.TableBusy)
	x.counter(x.packets, c.Packets)
	x.counter(x.bytes, c.Bytes)
	x.counter(x.verdicts, c.New, "new")
	x.counter(x.verdicts, c.Established, "established")
	x.counter(x.verdicts, c.Related, "related")
	x.counter(x.verdicts, c.Invalid, "invalid")
	x.counter(x.verdicts, c.Untracked, "untracked")
	x.counter(x.actions, c.Forwarded, "forwarded")
	x.counter(x.actions, c.Dropped, "dropped")
	for _, r := range flow.Drops() {
		x.counter(x.dropped, c.DroppedBy[r], r.String())
	}
	for _, r := range flow.InvalidReasons() {
		x.counter(x.invalid, c.InvalidBy[r], r.String())
	}
	for _, r := range flow.UntrackedReasons() {
		x.counter(x.untracked, c.UntrackedBy[r], r.String())
	}
	x.counter(x.events, c.Events)
	x.counter(x.lost, c.EventsLost)
}

// valid makes valid text of the names of interfaces and hosts, which can
// contain any bytes.
func valid(labels []string) []string {
	for i, text := range labels {
		labels[i] = strings.ToValidUTF8(text, "\uFFFD")
	}
	return labels
}
