package alert

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

var start = time.Date(2026, 7, 22, 21, 4, 5, 0, time.UTC)

// flowsTo returns connections to a port, each with 1,000 bits per second.
func flowsTo(port string, n int) []flow.Flow {
	list := make([]flow.Flow, n)
	for i := range list {
		list[i] = flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateSynSent,
			Tuple:  flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(fmt.Sprintf("10.0.%d.%d:40000", i>>8&255, i&255)), Dst: flow.MustParseEnd("10.9.9.9:" + port)},
			Origin: flow.Half{BPS: 600}, Reply: flow.Half{BPS: 400},
		}
	}
	return list
}

func rules(t testing.TB, settings ...string) []Rule {
	t.Helper()
	var rs Rules
	for _, s := range settings {
		if err := rs.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	if name, err := rs.Check(); err != nil {
		t.Fatal(name, err)
	}
	return rs.All()
}

// An alert begins once its condition has held for long enough, and ends once it has not.
func TestBeginsAndEnds(t *testing.T) {
	var log bytes.Buffer
	w := NewWatch(rules(t, "ssh.filter=dport:22 state:syn_sent", "ssh.count=10", "ssh.for=3s", "ssh.bell=true"), slog.New(slog.NewTextHandler(&log, nil)))
	second := 0
	look := func(n int) *flow.Snapshot {
		s := &flow.Snapshot{Time: start.Add(time.Duration(second) * time.Second), Flows: append(flowsTo("22", n), flowsTo("80", 50)...)}
		second++
		w.Look(s)
		return s
	}
	for i, step := range []struct {
		flows  int
		active bool
	}{
		{9, false},
		{10, false},
		{10, false},
		{9, false}, // it did not hold for three seconds
		{12, false},
		{12, false},
		{12, false},
		{12, true},
		{12, true},
		{1, true},
		{30, true},
		{1, true},
		{1, true},
		{1, true},
		{1, false},
		{1, false},
	} {
		s := look(step.flows)
		if (len(s.Alerts) == 1) != step.active {
			t.Errorf("step %d: %+v", i, s.Alerts)
		}
		if step.active && (s.Alerts[0].Flows != step.flows || s.Alerts[0].BPS != float64(1000*step.flows) || !s.Alerts[0].Began.Equal(start.Add(7*time.Second)) || !s.Alerts[0].Bell) {
			t.Errorf("step %d: %+v", i, s.Alerts[0])
		}
	}
	if got := w.Status(); len(got) != 1 || got[0] != (Status{"ssh", false, 1, 1000, 1}) {
		t.Errorf("status is %+v", got)
	}
	if text := log.String(); strings.Count(text, "an alert begins") != 1 || strings.Count(text, "an alert ends") != 1 || !strings.Contains(text, "lasted=7s") {
		t.Errorf("logged\n%s", text)
	}
}

// A rate is that of all flows that pass the filter together.
func TestRate(t *testing.T) {
	w := NewWatch(rules(t, "busy.filter=port:80", "busy.rate=5k", "both.filter=", "both.rate=1k", "both.count=6"), slog.New(slog.DiscardHandler))
	for n, want := range map[int][]string{4: nil, 5: {"busy"}, 6: {"both", "busy"}} {
		s := &flow.Snapshot{Time: start, Flows: flowsTo("80", n)}
		w.Look(s)
		var got []string
		for _, a := range s.Alerts {
			got = append(got, a.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d flows: %q, want %q", n, got, want)
		}
	}
}

// A recording has the alerts of whoever recorded it. Those that are asked for now are
// evaluated again, and stand beside them.
func TestLookAgain(t *testing.T) {
	w := NewWatch(rules(t, "ssh.filter=dport:22", "web.filter=dport:80", "web.for=2s"), slog.New(slog.DiscardHandler))
	for second, want := range []string{"night 7, ssh 3", "night 7, ssh 3", "night 7, ssh 3, web 2"} {
		s := &flow.Snapshot{
			Time: start.Add(time.Duration(second) * time.Second), Flows: append(flowsTo("22", 3), flowsTo("80", 2)...),
			Alerts: []flow.Alert{{Name: "ssh", Flows: 99}, {Name: "night", Flows: 7}, {Name: "web", Flows: 1}},
		}
		w.LookAgain(s)
		var got []string
		for _, a := range s.Alerts {
			got = append(got, fmt.Sprint(a.Name, " ", a.Flows))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("second %d: %q, want %s", second, got, want)
		}
	}
}

// Of one snapshot nobody knows for how long it has been so.
func TestLookOnce(t *testing.T) {
	list := rules(t, "web.filter=dport:80", "web.for=1h", "ssh.filter=dport:22")
	s := &flow.Snapshot{Time: start, Flows: flowsTo("80", 2)}
	if LookOnce(list, s); len(s.Alerts) != 1 || s.Alerts[0].Name != "web" || list[1].For != time.Hour {
		t.Errorf("%+v, of %+v", s.Alerts, list)
	}
}

// Without a count or a rate one flow is enough.
func TestOneIsEnough(t *testing.T) {
	w := NewWatch(rules(t, "any.filter=dport:23"), slog.New(slog.DiscardHandler))
	s := &flow.Snapshot{Time: start, Flows: flowsTo("23", 1)}
	if w.Look(s); len(s.Alerts) != 1 {
		t.Errorf("%+v", s.Alerts)
	}
	if w.Look(&flow.Snapshot{Time: start}); w.Status()[0].Active {
		t.Error("it holds without a flow")
	}
}

func TestWrongRules(t *testing.T) {
	for text, want := range map[string]string{
		"ssh":                                "write it like NAME.filter=port:22",
		"ssh.count=x":                        `ssh: count: "x" is not a number of flows: write it like 100`,
		"ssh.count=0":                        "is not a number of flows",
		"ssh.rate=-1":                        "ssh: rate: ",
		"ssh.rate=0":                         "is no rate: write it in bits per second, like 500M",
		"ssh.for=soon":                       "ssh: for: ",
		"ssh.bell=loud":                      "is neither true nor false",
		"ssh.limit=5":                        `ssh: no setting is called "limit": use filter, count, rate, for, bell`,
		"ssh.filter=port:x":                  "ssh: filter: ",
		"ssh.filter=state:ended":             "asks for flows that have ended",
		"ssh.filter=!came":                   "there is nothing here to find what came",
		"a b.count=1":                        "is no name of an alert",
		strings.Repeat("a", 33) + ".count=1": "is no name of an alert",
	} {
		var rs Rules
		if err := rs.Set(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var written Rules
	for _, text := range []string{"ssh.filter=port:22", "ssh.count=5"} {
		_ = written.Set(text)
	}
	if got := written.String(); got != "ssh.filter=port:22, ssh.count=5" {
		t.Errorf("written as %q", got)
	}
	var rs Rules
	for i := range MostRules {
		if err := rs.Set(fmt.Sprintf("a%d.filter=", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := rs.Set("more.filter="); err == nil {
		t.Error("there may be any number of alerts")
	}
	if err := rs.Set("a3.count=1"); err != nil {
		t.Error(err)
	}
}

func TestChanges(t *testing.T) {
	ssh := flow.Alert{Name: "ssh", Filter: "port:22", Began: start, Flows: 3, BPS: 2000, Bell: true}
	other, again := flow.Alert{Name: "web", Began: start}, flow.Alert{Name: "ssh", Began: start.Add(1)}
	for _, c := range []struct {
		before, after []flow.Alert
		late          time.Duration
		want          string
		ring          bool
	}{
		{nil, nil, 0, "", false},
		{nil, []flow.Alert{ssh}, 0, "alert ssh begins: 3 flows, 2 kb/s, port:22", true},
		{nil, []flow.Alert{ssh}, 2*time.Second - 1, "alert ssh begins: 3 flows, 2 kb/s, port:22", true},
		{nil, []flow.Alert{ssh}, 2 * time.Second, "alert ssh goes on for 2s: 3 flows, 2 kb/s, port:22", true},
		{[]flow.Alert{other, again}, []flow.Alert{ssh}, 0, "alert web ends after 0s;alert ssh ends after 0s;alert ssh begins: 3 flows, 2 kb/s, port:22", true},
		{nil, []flow.Alert{ssh}, time.Minute, "alert ssh goes on for 1m00s: 3 flows, 2 kb/s, port:22", true},
		{[]flow.Alert{ssh}, []flow.Alert{ssh}, 0, "", false},
		{[]flow.Alert{ssh}, nil, time.Minute, "alert ssh ends after 1m00s", false},
	} {
		lines, ring := Changes(c.before, c.after, start.Add(c.late))
		if got := strings.Join(lines, ";"); got != c.want || ring != c.ring {
			t.Errorf("%q, rings: %t", got, ring)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1, MostRules} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			var settings []string
			for i := range n {
				settings = append(settings, fmt.Sprintf("a%d.filter=dport:%d state:syn_sent age<10s", i, i+20))
			}
			w, s := NewWatch(rules(b, settings...), slog.New(slog.DiscardHandler)), &flow.Snapshot{Time: start, Flows: flowsTo("22", 100_000)}
			for b.Loop() {
				w.Look(s)
			}
		})
	}
}

// The least count and rate of a rule are one.
func TestLeastOfRule(t *testing.T) {
	w := NewWatch(rules(t, "a.filter=", "a.count=1", "b.filter=", "b.rate=1"), slog.New(slog.DiscardHandler))
	if n := len(w.Status()); n != 2 {
		t.Errorf("%d rules", n)
	}
}

// Many flows are counted as few are.
func TestManyFlows(t *testing.T) {
	w := NewWatch(rules(t, "ssh.filter=port:22", "ssh.count=1", "all.filter=", "all.count=1"), slog.New(slog.DiscardHandler))
	w.Look(&flow.Snapshot{Time: start, Flows: flowsTo("22", many)})
	if s := w.Status(); len(s) != 2 || s[0].Flows != many || s[1].Flows != many {
		t.Errorf("%+v", s)
	}
}
