package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ctop/internal/firstseen"
	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
	"ctop/internal/fleet/link"
	"ctop/internal/fleet/standby"
	"ctop/internal/ipfix"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

// gathered returns each sample of a collector, as name{label=value,...} value.
func gathered(t *testing.T, c prometheus.Collector) map[string]bool {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			all[fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(f.GetName(), "ctop_"), strings.Join(labels, ","), value)] = true
		}
	}
	return all
}

// TestEveryConsoleMetric gives each counter a number of its own.
func TestEveryConsoleMetric(t *testing.T) {
	s := console.Stats{
		Sessions: 1, Consoles: 2, Connections: 3, Accepted: 4, Refused: 5, Dropped: 6, Failed: 7,
		SessionsOpened: 8, SessionsRefused: 9, RequestsRefused: 10, Stalled: 11, Acts: 12,
	}
	got := gathered(t, &consoles{stats: func() console.Stats { return s }})
	want := []string{
		"ssh_sessions{} 1", "ssh_consoles{} 2", "ssh_connections{} 3", "ssh_connections_total{result=accepted} 4",
		"ssh_connections_total{result=refused} 5", "ssh_connections_total{result=dropped} 6", "ssh_login_failures_total{} 7",
		"ssh_sessions_total{result=opened} 8", "ssh_sessions_total{result=refused} 9", "ssh_requests_refused_total{} 10",
		"ssh_stalled_total{} 11", "ssh_acts_total{} 12",
	}
	compare(t, got, want)
}

// TestEveryRecordMetric gives each counter a number of its own.
func TestEveryRecordMetric(t *testing.T) {
	const to = "collector=udp://192.0.2.1:4739"
	compare(t, gathered(t, &records{sent{}}), []string{
		"ipfix_records_total{" + to + ",result=sent} 1", "ipfix_records_total{" + to + ",result=dropped} 2",
		"ipfix_messages_total{" + to + "} 3", "ipfix_bytes_total{" + to + "} 4", "ipfix_records_waiting{" + to + "} 5",
		"ipfix_collector_up{" + to + "} 1", "ipfix_unseen_total{} 6",
	})
}

// TestAlertMetrics gives the metrics of each alert.
func TestAlertMetrics(t *testing.T) {
	compare(t, gathered(t, &alerts{watched()}), []string{
		"alert_active{alert=any} 1", "alert_flows{alert=any} 2", "alert_bytes_per_second{alert=any} 1", "alerts_total{alert=any} 1",
		"alert_active{alert=many} 0", "alert_flows{alert=many} 0", "alert_bytes_per_second{alert=many} 0", "alerts_total{alert=many} 0",
	})
}

// TestEveryFleetMetric gives each counter a number of its own.
func TestEveryFleetMetric(t *testing.T) {
	compare(t, gathered(t, &fleetHost{joined{}}), []string{
		"fleet_connected{} 1", "fleet_reconnects_total{} 2", "fleet_messages_total{} 3", "fleet_bytes_total{} 4", "fleet_failed_total{} 5",
		"fleet_watches{} 6", "fleet_lag_seconds{} 0.007",
	})
}

type joined struct{}

func (joined) Stats() agent.Stats {
	return agent.Stats{Connected: true, Reconnects: 2, Messages: 3, Bytes: 4, Failed: 5, Watches: 6, Lag: 7 * time.Millisecond}
}

func TestFirstSeenMetrics(t *testing.T) {
	compare(t, gathered(t, &news{learned}), []string{
		"first_seen_flows{} 3", "first_seen_total{} 4", "first_seen_known{} 1", "first_seen_full{} 1", "first_seen_learning_seconds{} 2",
	})
}

func read() flow.Naming {
	return flow.Naming{Hellos: 1, Named: 2, Answers: 3, Addresses: 4, OverBudget: 5, NoRoom: 6, Dropped: 7}
}

func TestNamesMetrics(t *testing.T) {
	compare(t, gathered(t, &names{read}), []string{
		"names_hellos_total{} 1", "names_named_total{} 2", "names_answers_total{} 3", "names_addresses{} 4", "names_lost_total{} 18",
	})
}

func compare(t *testing.T, got map[string]bool, want []string) {
	t.Helper()
	for _, line := range want {
		if !got[line] {
			t.Errorf("no %s", line)
		}
		delete(got, line)
	}
	for line := range got {
		t.Errorf("beside these there is %s", line)
	}
}

// TestEveryMetric gives each counter a number of its own.
func TestEveryMetric(t *testing.T) {
	s := &flow.Snapshot{
		Time: time.Now(), Host: "edge", MaxFlows: 8, Uptime: time.Minute, Took: 2 * time.Millisecond, Policy: flow.PolicyEnforce,
		Interfaces: []flow.Interface{{Name: "eth0", Mode: flow.ModeNative, Up: true}, {Name: "eth1", Mode: flow.ModeTC, Use: "x"}, {
			Name: "wg0", Mode: flow.ModeTC, Up: true, Role: flow.RoleWatch, Behind: "x",
			In: flow.Volume{Packets: 401, Bytes: 402}, Out: flow.Volume{Packets: 403, Bytes: 404},
		}},
		Flows:     []flow.Flow{{State: flow.StateEstablished}, {State: flow.StateEstablished}},
		Checksums: true,
	}
	c := &s.Counters
	c.Packets, c.Bytes, c.New, c.Established, c.Related, c.Invalid, c.Untracked = 101, 102, 103, 104, 105, 106, 107
	c.Forwarded, c.Dropped, c.FlowsCreated, c.BadChecksums, c.TableFull, c.TableBusy = 108, 109, 110, 112, 113, 114
	c.Events, c.EventsLost = 115, 116
	want := []string{
		"packets_total{} 101", "bytes_total{} 102", "verdicts_total{verdict=new} 103", "verdicts_total{verdict=established} 104",
		"verdicts_total{verdict=related} 105", "verdicts_total{verdict=invalid} 106", "verdicts_total{verdict=untracked} 107",
		"actions_total{action=forwarded} 108", "actions_total{action=dropped} 109", "flows_created_total{} 110",
		"bad_checksums_total{} 112", "table_full_total{} 113", "table_busy_total{} 114", "events_total{} 115", "events_lost_total{} 116",
		"flows_max{} 8", "table_fill_ratio{} 0.25", "scan_seconds{} 0.002", "sweep_seconds{} 0.003", "uptime_seconds{} 60",
		"tracker_info{host=edge,policy=enforce} 1", "interface_up{interface=eth0,mode=native} 1", "interface_up{interface=eth1,mode=tc} 0",
		"interface_used{interface=eth0} 0", "interface_used{interface=eth1} 1",
		"interface_up{interface=wg0,mode=tc} 1", "interface_used{interface=wg0} 0", "interface_behind{interface=wg0} 1",
		"interface_packets_total{direction=in,interface=wg0} 401", "interface_packets_total{direction=out,interface=wg0} 403",
		"interface_bytes_total{direction=in,interface=wg0} 402", "interface_bytes_total{direction=out,interface=wg0} 404",
	}
	for _, state := range flow.States() {
		n := 0
		if state == flow.StateEstablished {
			n = 2
		}
		want = append(want, fmt.Sprintf("flows{state=%s} %d", state, n))
	}
	for i, r := range flow.Reasons() {
		c.Destroyed[r] = uint64(200 + i)
		want = append(want, fmt.Sprintf("flows_destroyed_total{reason=%s} %d", r, 200+i))
	}
	for i, r := range flow.Drops() {
		c.DroppedBy[r] = uint64(300 + i)
		want = append(want, fmt.Sprintf("dropped_total{reason=%s} %d", r, 300+i))
	}
	for i, r := range flow.InvalidReasons() {
		c.InvalidBy[r] = uint64(400 + i)
		want = append(want, fmt.Sprintf("invalid_total{reason=%s} %d", r, 400+i))
	}
	for i, r := range flow.UntrackedReasons() {
		c.UntrackedBy[r] = uint64(500 + i)
		want = append(want, fmt.Sprintf("untracked_total{reason=%s} %d", r, 500+i))
	}
	got := gathered(t, &exporter{source: fake{s}})
	for line := range got { // the age is that of the moment, stalling is another test's
		if strings.HasPrefix(line, "snapshot_age_seconds") || strings.HasPrefix(line, "forwarding_stalled") {
			delete(got, line)
		}
	}
	compare(t, got, want)
	s.Checksums = false
	for line := range gathered(t, &exporter{source: fake{s}}) {
		if strings.HasPrefix(line, "bad_checksums") {
			t.Errorf("%s though nobody looks at checksums", line)
		}
	}
}

// A server has the metrics of what there is, and of nothing else.
func TestWhatThereIs(t *testing.T) {
	watch, err := firstseen.NewWatch(firstseen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to, err := ipfix.ParseAddress("udp://192.0.2.1:4739")
	if err != nil {
		t.Fatal(err)
	}
	credentials := &fleet.Credentials{Fleet: "main", Role: fleet.RoleHost, Name: "edge-1"}
	host, err := agent.New(agent.Options{Link: link.Options{URL: "nats://127.0.0.1:1", Credentials: credentials}})
	if err != nil {
		t.Fatal(err)
	}
	for metric, add := range map[string]func(o *Options){
		"ctop_ssh_sessions ":        func(o *Options) { o.Consoles = stats },
		"ctop_ipfix_records_total{": func(o *Options) { o.Flows = ipfix.New(ipfix.Options{Collectors: []ipfix.Address{to}}) },
		"ctop_first_seen_total ":    func(o *Options) { o.FirstSeen = watch },
		"ctop_names_hellos_total ":  func(o *Options) { o.Naming = read },
		"ctop_alerts_total{":        func(o *Options) { o.Alerts = watched() },
		"ctop_fleet_connected ":     func(o *Options) { o.Fleet = host },
		"ctop_pair_synced ":         func(o *Options) { o.Pair = standby.New(standby.Options{Log: slog.New(slog.DiscardHandler)}) },
	} {
		scraped := func(o Options) string {
			w := httptest.NewRecorder()
			New(o).handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			return w.Body.String()
		}
		o := Options{Source: fake{}, Healthy: healthy}
		if strings.Contains(scraped(o), "\n"+metric) {
			t.Errorf("there is %s without its source", metric)
		}
		if add(&o); !strings.Contains(scraped(o), "\n"+metric) {
			t.Errorf("there is no %s", metric)
		}
	}
}

// An interface that is followed and gone has no metrics, and a table without room is not filled.
func TestInterfacesThatAreGone(t *testing.T) {
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "a", Followed: true}, {Name: "b", Followed: true, Index: 1}, {Name: "c"}}}
	got := gathered(t, &exporter{source: fake{s}})
	for name, want := range map[string]bool{"a": false, "b": true, "c": true} {
		if got["interface_used{interface="+name+"} 0"] != want {
			t.Errorf("%s has metrics: %t", name, !want)
		}
	}
	if !got["table_fill_ratio{} 0"] {
		t.Error("a table without room is filled")
	}
	s.Flows = make([]flow.Flow, 1)
	if s.MaxFlows = 1; !gathered(t, &exporter{source: fake{s}})["table_fill_ratio{} 1"] {
		t.Error("a table with one place is not filled by one flow")
	}
}
