package fleet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// bound is a change of a valid message, and whether it is still one.
type bound[M any] struct {
	what   string
	change func(*M)
	valid  bool
}

// checkBounds decodes a message with each change alone.
func checkBounds[M any](t *testing.T, good func() M, decode func(M) error, bounds []bound[M]) {
	t.Helper()
	if err := decode(good()); err != nil {
		t.Fatalf("the unchanged message: %v", err)
	}
	for _, b := range bounds {
		m := good()
		b.change(&m)
		if err := decode(m); (err == nil) != b.valid {
			t.Errorf("%s: error %v", b.what, err)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A heartbeat may have the largest and the smallest numbers that a host has, and no others.
func TestBoundsOfHeartbeats(t *testing.T) {
	century := longest.Seconds()
	checkBounds(t, func() Heartbeat { return Heartbeat{V: 1, Every: 60} }, func(h Heartbeat) error {
		_, err := DecodeHeartbeat(marshal(t, h))
		return err
	}, []bound[Heartbeat]{
		{"no version", func(h *Heartbeat) { h.V = 0 }, false},
		{"the next version", func(h *Heartbeat) { h.V = 2 }, false},
		{"every second", func(h *Heartbeat) { h.Every = 1 }, true},
		{"all the time", func(h *Heartbeat) { h.Every = 0 }, false},
		{"every hour", func(h *Heartbeat) { h.Every = 3600 }, true},
		{"every hour and a second", func(h *Heartbeat) { h.Every = 3601 }, false},
		{"a full table", func(h *Heartbeat) { h.Flows, h.Max = flow.MaxMaxFlows, flow.MaxMaxFlows }, true},
		{"more flows than any table", func(h *Heartbeat) { h.Flows = flow.MaxMaxFlows + 1 }, false},
		{"a larger table", func(h *Heartbeat) { h.Max = flow.MaxMaxFlows + 1 }, false},
		{"a negative number of flows", func(h *Heartbeat) { h.Flows = -1 }, false},
		{"a negative table", func(h *Heartbeat) { h.Max = -1 }, false},
		{"a hundred years", func(h *Heartbeat) { h.Uptime, h.Behind = century, century }, true},
		{"a longer uptime", func(h *Heartbeat) { h.Uptime = century + 1 }, false},
		{"a longer delay", func(h *Heartbeat) { h.Behind = century + 1 }, false},
		{"a negative uptime", func(h *Heartbeat) { h.Uptime = -1 }, false},
		{"a negative delay", func(h *Heartbeat) { h.Behind = -1 }, false},
		{"all alarms", func(h *Heartbeat) { h.Alarms = make([]string, maxAlarms) }, true},
		{"more alarms", func(h *Heartbeat) { h.Alarms = make([]string, maxAlarms+1) }, false},
	})
	long := strings.Repeat("x", 4*maxText)
	h := Heartbeat{Every: 1, Version: long, Place: long, Policy: long, Alarms: []string{long, "2", "3", "4"}}
	got, err := DecodeHeartbeat(h.Encode())
	if err != nil || len(got.Alarms) != 3 || got.Alarms[2] != "3" {
		t.Fatalf("%v: %+v", err, got)
	}
	var sent Heartbeat
	if err := json.Unmarshal(h.Encode(), &sent); err != nil || sent.V != 1 {
		t.Errorf("error %v, version %d", err, sent.V)
	}
	for _, s := range []string{sent.Version, sent.Place, sent.Policy, sent.Alarms[0], got.Version, got.Alarms[0]} {
		if n := len([]rune(s)); n > maxText {
			t.Errorf("a text has %d letters", n)
		}
	}
	hostile, err := DecodeHeartbeat([]byte(`{"v":1,"every":9,"version":"a\u001b[2J","place":"b\u001b[2J","policy":"c\u001b[2J","alarms":["d\u001b[2J"]}`))
	if text := fmt.Sprint(hostile); err != nil || strings.Contains(text, "\x1b") {
		t.Errorf("error %v, %q", err, text)
	}
}

// A lease asks for what its kind has, and no more.
func TestBoundsOfLeases(t *testing.T) {
	groups := func() *GroupView { return &GroupView{Most: 1} }
	decode := func(w Watch) error {
		_, err := DecodeWatch(marshal(t, w))
		return err
	}
	checkBounds(t, func() Watch { return Watch{V: 1, View: View{Limit: 5}} }, decode, []bound[Watch]{
		{"another version", func(w *Watch) { w.V = 2 }, false},
		{"one row", func(w *Watch) { w.Limit = 1 }, true},
		{"no row", func(w *Watch) { w.Limit = 0 }, false},
		{"all rows", func(w *Watch) { w.Limit = MaxTop }, true},
		{"more rows", func(w *Watch) { w.Limit = MaxTop + 1 }, false},
		{"the longest filter", func(w *Watch) { w.Filter = strings.Repeat("x", maxFilter) }, true},
		{"a longer filter", func(w *Watch) { w.Filter = strings.Repeat("x", maxFilter+1) }, false},
		{"the longest name", func(w *Watch) { w.From = strings.Repeat("x", maxFrom) }, true},
		{"a longer name", func(w *Watch) { w.From = strings.Repeat("x", maxFrom+1) }, false},
		{"an unknown kind", func(w *Watch) { w.Kind = "all" }, false},
		{"events with a limit", func(w *Watch) { w.Kind = WatchEvents }, false},
		{"a message of the longest size and more", func(w *Watch) { w.Sort = strings.Repeat("x", maxQuestion) }, false},
	})
	checkBounds(t, func() Watch { return Watch{V: 1, Kind: WatchEvents} }, decode, []bound[Watch]{
		{"events by a filter", func(w *Watch) { w.Filter = "tcp" }, true},
		{"one event", func(w *Watch) { w.Limit = 1 }, false},
		{"events in order", func(w *Watch) { w.Sort = "rate" }, false},
	})
	checkBounds(t, func() Watch { return Watch{V: 1, Kind: WatchSummary} }, decode, []bound[Watch]{
		{"a summary of some", func(w *Watch) { w.Filter = "tcp" }, false},
		{"a summary of groups", func(w *Watch) { w.Groups = groups() }, false},
	})
	checkBounds(t, func() Watch { return Watch{V: 1, Kind: WatchGroups, Groups: groups()} }, decode, []bound[Watch]{
		{"no groups", func(w *Watch) { w.Groups = nil }, false},
		{"groups with a limit", func(w *Watch) { w.Limit = 1 }, false},
		{"groups in the order of flows", func(w *Watch) { w.Sort = "rate" }, false},
		{"groups of some", func(w *Watch) { w.Filter = "tcp" }, true},
		{"not one", func(w *Watch) { w.Groups.Most = 0 }, false},
		{"the most", func(w *Watch) { w.Groups.Most = mostGroups }, true},
		{"more", func(w *Watch) { w.Groups.Most = mostGroups + 1 }, false},
		{"the most by name", func(w *Watch) { w.Groups.Asked = make([]GroupKey, MaxAsked) }, true},
		{"more by name", func(w *Watch) { w.Groups.Asked = make([]GroupKey, MaxAsked+1) }, false},
		{"the last order", func(w *Watch) { w.Groups.Sort = order.NumGroupSorts - 1 }, true},
		{"an order that is none", func(w *Watch) { w.Groups.Sort = order.NumGroupSorts }, false},
	})
}

// The numbers of groups may be as large as those of a host, and both directions arrive as
// An answer may have the largest numbers of a table, and no larger ones.
func TestBoundsOfAnswers(t *testing.T) {
	checkBounds(t, func() Head { return Head{V: 1} }, func(h Head) error {
		_, _, err := DecodeMessage(append(marshal(t, h), '\n'))
		return err
	}, []bound[Head]{
		{"the next version", func(h *Head) { h.V = 2 }, false},
		{"page -1", func(h *Head) { h.Page = -1 }, false},
		{"a full table", func(h *Head) { h.Flows, h.Matching = flow.MaxMaxFlows, flow.MaxMaxFlows }, true},
		{"the fastest", func(h *Head) { h.BPS = fastest }, true},
		{"a hundred years", func(h *Head) { h.Uptime = longest }, true},
		{"more than that", func(h *Head) { h.Uptime = longest + 1 }, false},
		{"before it began", func(h *Head) { h.Uptime = -1 }, false},
		{"all interfaces", func(h *Head) { h.Interfaces = make([]flow.Interface, MaxInterfaces) }, true},
		{"more interfaces", func(h *Head) { h.Interfaces = make([]flow.Interface, MaxInterfaces+1) }, false},
	})
	long, err := Head{Error: strings.Repeat("x", 4*maxText)}.Message(nil)
	if err != nil || len(long) > 2*maxText {
		t.Errorf("error %v, %d bytes", err, len(long))
	}
	if h, _, err := DecodeMessage([]byte(`{"v":1,"error":"` + strings.Repeat("y", 4*maxText) + `"}` + "\n")); err != nil || len(h.Error) > maxText+3 {
		t.Errorf("error %v, a sentence of %d bytes", err, len(h.Error))
	}
	full := []byte(`{"v":1}` + strings.Repeat(" ", maxHead-7))
	if _, page, err := DecodeMessage(append(full, "\npage"...)); err != nil || string(page) != "page" {
		t.Errorf("a head of the largest size: %v, %q", err, page)
	}
	if _, _, err := DecodeMessage(append(full, " \npage"...)); err == nil {
		t.Error("a larger head was read")
	}
}

// A question has a way back, and asks for no less than nothing.
func TestBoundsOfQuestions(t *testing.T) {
	checkBounds(t, func() Question { return Question{V: 1, To: "ann.ABCDEFGH12"} }, func(q Question) error {
		_, err := DecodeQuestion(marshal(t, q))
		return err
	}, []bound[Question]{
		{"the next version", func(q *Question) { q.V = 2 }, false},
		{"no way back", func(q *Question) { q.To = "" }, false},
		{"every way back", func(q *Question) { q.To = "*.>" }, false},
		{"a limit", func(q *Question) { q.Limit = 1 }, true},
		{"a negative limit", func(q *Question) { q.Limit = -1 }, false},
		{"the longest filter", func(q *Question) { q.Filter = strings.Repeat("x", maxFilter) }, true},
		{"a longer filter", func(q *Question) { q.Filter = strings.Repeat("x", maxFilter+1) }, false},
	})
	if q, err := DecodeQuestion(Question{To: "ann.ABCDEFGH12"}.Encode()); err != nil || q.V != 1 {
		t.Errorf("error %v, version %d", err, q.V)
	}
}

// A view is a filter and an order that can be read, and each has a name of its own.
func TestViews(t *testing.T) {
	for _, b := range []struct {
		v     View
		valid bool
	}{
		{View{}, true},
		{View{Filter: "tcp"}, true},
		{View{Filter: "tcp", Sort: "rate"}, true},
		{View{Limit: 1}, true},
		{View{Limit: -1}, false},
		{View{Filter: "tcp and and"}, false},
		{View{Filter: "tcp and and", Sort: "rate"}, false},
		{View{Sort: "color"}, false},
		{View{Filter: strings.Repeat(" ", maxFilter)}, true},
		{View{Filter: strings.Repeat(" ", maxFilter+1)}, false},
	} {
		if _, _, err := b.v.Parse(); (err == nil) != b.valid {
			t.Errorf("%.40q %q %d: error %v", b.v.Filter, b.v.Sort, b.v.Limit, err)
		}
	}
	_, ordered, err := View{Sort: "rate"}.Parse()
	_, plain, _ := View{}.Parse()
	if err != nil || reflect.DeepEqual(ordered, plain) {
		t.Errorf("error %v, order %+v, without one %+v", err, ordered, plain)
	}
	names := map[string]bool{}
	for _, w := range []Watch{
		{View: View{Limit: 5}},
		{View: View{Limit: 6}},
		{View: View{Limit: 5, Sort: "rate"}},
		{View: View{Limit: 5, Filter: "tcp"}},
		{Kind: WatchEvents},
		{Kind: WatchEvents, View: View{Filter: "tcp"}},
		{Kind: WatchSummary},
		{Kind: WatchGroups, Groups: &GroupView{Most: 1}},
		{Kind: WatchGroups, Groups: &GroupView{Most: 2}},
	} {
		name := w.Name()
		if len(name) != 16 || names[name] {
			t.Errorf("%+v is called %s", w, name)
		}
		names[name] = true
	}
	// The consoles of one view share it, whoever they are.
	a, b := Watch{From: "ann", View: View{Limit: 5}}, Watch{From: "bob", View: View{Limit: 5}}
	if a.Name() != b.Name() {
		t.Error("two consoles watch the same view by two names")
	}
}

// A role is one of three by its name, and a grant that names another fleet, a wrong role, a
