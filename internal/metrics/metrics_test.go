package metrics

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/internal/ipfix"
	"ctop/internal/pair"
	"ctop/tracker/flow"
	"ctop/ui/console"
)

type fake struct{ snapshot *flow.Snapshot }

func (f fake) Snapshot() *flow.Snapshot { return f.snapshot }

func (f fake) SweepTook() time.Duration { return 3 * time.Millisecond }

func sample() *flow.Snapshot {
	s := &flow.Snapshot{
		Time: time.Now(), Host: "edge\xff", MaxFlows: 4, Uptime: time.Minute, Took: 2 * time.Millisecond,
		Interfaces: []flow.Interface{{Name: "eth0", Mode: flow.ModeNative, Up: true}, {Name: "eth1", Mode: flow.ModeTC, Use: "has the address 192.0.2.1/24"}},
		Flows:      []flow.Flow{{State: flow.StateEstablished}},
	}
	s.Counters.Packets, s.Counters.Dropped, s.Counters.EventsLost = 100, 7, 9
	s.Counters.DroppedBy[flow.DropTooLong] = 4
	s.Counters.TableFull, s.Counters.TableBusy = 11, 12
	s.Counters.Destroyed[flow.ReasonExpired] = 5
	s.Counters.InvalidBy[flow.InvalidWindow] = 6
	s.Checksums, s.Counters.BadChecksums = true, 10
	s.Counters.UntrackedBy[flow.UntrackedFragment] = 8
	return s
}

func stats() console.Stats { return console.Stats{Sessions: 2, Refused: 3, Acts: 5} }

// serve starts a server and returns a function that sends requests.
func serve(t *testing.T, o Options) (get func(path string) (int, string)) {
	t.Helper()
	addr := listening(t, o)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return func(path string) (int, string) {
		return fetch(t, http.DefaultClient, "http://"+addr+path)
	}
}

// fetch returns the status and the text of a page.
func fetch(t *testing.T, c *http.Client, url string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answered(t, c, r)
}

// answered sends a request until it is answered: whoever needs more than five seconds for it, as
// on a busy machine, is cut off.
func answered(t *testing.T, c *http.Client, r *http.Request) (status int, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		response, err := c.Do(r)
		var b []byte
		if err == nil {
			b, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if err == nil {
			return response.StatusCode, string(b)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	get := serve(t, Options{Source: fake{sample()}, Healthy: func() error { return nil }, Consoles: stats})
	status, text := get("/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{
		`ctop_flows{state="ESTABLISHED"} 1`, `ctop_flows{state="TIME_WAIT"} 0`, `ctop_table_fill_ratio 0.25`,
		`ctop_flows_destroyed_total{reason="expired"} 5`, `ctop_invalid_total{reason="window"} 6`,
		`ctop_bad_checksums_total 10`,
		`ctop_untracked_total{reason="fragment"} 8`,
		`ctop_packets_total 100`, `ctop_actions_total{action="dropped"} 7`, `ctop_events_lost_total 9`,
		`ctop_dropped_total{reason="too_long"} 4`, `ctop_dropped_total{reason="policy"} 0`,
		`ctop_table_full_total 11`, `ctop_table_busy_total 12`,
		`ctop_scan_seconds 0.002`, `ctop_sweep_seconds 0.003`, `ctop_interface_up{interface="eth1",mode="tc"} 0`,
		`ctop_interface_used{interface="eth0"} 0`, `ctop_interface_used{interface="eth1"} 1`,
		`ctop_ssh_sessions 2`, `ctop_ssh_acts_total 5`, `ctop_ssh_connections_total{result="refused"} 3`, `go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestBeforeTheFirstSnapshot(t *testing.T) {
	get := serve(t, Options{Source: fake{}, Healthy: func() error { return nil }})
	if status, text := get("/metrics"); status != http.StatusOK || strings.Contains(text, "\nctop_") {
		t.Errorf("status %d: %s", status, text)
	}
}

func TestHealth(t *testing.T) {
	var ill atomic.Bool
	get := serve(t, Options{Source: fake{}, Healthy: func() error {
		if ill.Load() {
			return errors.New("the latest snapshot is 20s old")
		}
		return nil
	}, Warnings: func() []string { return []string{"behind drop on eth0, may not see all"} }})
	if status, text := get("/healthz"); status != http.StatusOK || text != "ok\nbehind drop on eth0, may not see all\n" {
		t.Errorf("%d %q", status, text)
	}
	ill.Store(true)
	if status, text := get("/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "20s old") {
		t.Errorf("%d %q", status, text)
	}
	if status, _ := get("/"); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}

// The metrics follow Prometheus's rules for names and help texts.
func TestLint(t *testing.T) {
	for _, c := range []prometheus.Collector{&exporter{source: fake{sample()}}, &consoles{stats: stats}, &records{sent{}}, &fleetHost{joined{}}, &names{read}} {
		problems, err := testutil.CollectAndLint(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// The dashboard queries only existing metrics, and shows all of them.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`ctop_[a-z_]+`).FindAllString(string(text), -1)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&exporter{source: fake{sample()}}, &consoles{stats: stats}, &records{sent{}}, &alerts{watched()}, &news{learned}, &fleetHost{joined{}}, &names{read}, &pairHalf{half{}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	watching := sample()
	watching.Interfaces = []flow.Interface{{Name: "wg0", Mode: flow.ModeTC, Role: flow.RoleWatch}}
	registry = prometheus.NewPedanticRegistry()
	registry.MustRegister(&exporter{source: fake{watching}})
	more, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families = append(families, more...)
	var known []string
	for _, f := range families {
		known = append(known, f.GetName())
		if !slices.Contains(asked, f.GetName()) {
			t.Errorf("%s is on no panel", f.GetName())
		}
	}
	for _, name := range asked {
		if !slices.Contains(known, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// watched is a watch with two alerts, of which one holds.
func watched() *alert.Watch {
	var rules alert.Rules
	for _, text := range []string{"any.filter=", "many.filter=tcp", "many.count=5"} {
		_ = rules.Set(text)
	}
	w := alert.NewWatch(rules.All(), slog.New(slog.DiscardHandler))
	w.Look(&flow.Snapshot{Flows: []flow.Flow{{Origin: flow.Half{BPS: 8}}, {}}})
	return w
}

// half is one half of a pair.
type half struct{}

func (half) Status() pair.Status {
	return pair.Status{
		Alive: true, SyncedThere: true, Unread: true, Lag: 2 * time.Millisecond, Differing: 3, Messages: 4, Bytes: 5, Flows: 6,
		Entered: 7, Ended: 8, Mended: 9, Lost: 10, Refused: 11, Conflicts: 12,
	}
}

// Everything that a pair says of itself has a metric.
func TestPairMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&pairHalf{half{}})
	want := `# HELP ctop_pair_lag_seconds How long a message to the other tracker takes there and back.
# TYPE ctop_pair_lag_seconds gauge
ctop_pair_lag_seconds 0.002
# HELP ctop_pair_partner_alive Whether the other tracker of the pair was heard within five seconds.
# TYPE ctop_pair_partner_alive gauge
ctop_pair_partner_alive 1
# HELP ctop_pair_partner_synced Whether the other tracker was told all of this one's flows.
# TYPE ctop_pair_partner_synced gauge
ctop_pair_partner_synced 1
# HELP ctop_pair_partner_unread Whether the other ctop of the pair runs a version whose messages this one cannot read.
# TYPE ctop_pair_partner_unread gauge
ctop_pair_partner_unread 1
# HELP ctop_pair_synced Whether the other tracker has told all of its flows.
# TYPE ctop_pair_synced gauge
ctop_pair_synced 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "ctop_pair_lag_seconds", "ctop_pair_partner_alive", "ctop_pair_partner_synced", "ctop_pair_partner_unread", "ctop_pair_synced"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, f := range families {
		m := f.GetMetric()[0]
		values = append(values, m.GetGauge().GetValue()+m.GetCounter().GetValue())
	}
	slices.Sort(values)
	if want := []float64{0, 0.002, 1, 1, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; !slices.Equal(values, want) {
		t.Errorf("%v, want %v", values, want)
	}
}

func learned() firstseen.Status {
	return firstseen.Status{Known: 1, Full: true, Left: 2 * time.Second, Marked: 3, Total: 4}
}

// sent is an exporter of flow records.
type sent struct{}

func (sent) Stats() []ipfix.Stats {
	return []ipfix.Stats{{Collector: "udp://192.0.2.1:4739", Sent: 1, Dropped: 2, Messages: 3, Bytes: 4, Waiting: 5, Up: true}}
}

func (sent) Unseen() uint64 { return 6 }

// Every counter of the console has a metric.
func TestConsoleMetrics(t *testing.T) {
	all := console.Stats{
		Sessions: 1, Consoles: 2, Connections: 3, Accepted: 4, Refused: 5, Dropped: 6, Failed: 7,
		SessionsOpened: 8, SessionsRefused: 9, RequestsRefused: 10, Stalled: 11, Acts: 12,
	}
	get := serve(t, Options{Source: fake{}, Healthy: func() error { return nil }, Consoles: func() console.Stats { return all }})
	_, text := get("/metrics")
	for _, want := range []string{
		"sessions 1", "consoles 2", "connections 3", `connections_total{result="accepted"} 4`, `connections_total{result="refused"} 5`,
		`connections_total{result="dropped"} 6`, "login_failures_total 7", `sessions_total{result="opened"} 8`,
		`sessions_total{result="refused"} 9`, "requests_refused_total 10", "stalled_total 11", "acts_total 12",
	} {
		if !strings.Contains(text, "\nctop_ssh_"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
