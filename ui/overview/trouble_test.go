package overview

import (
	"slices"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

// shown returns what the page says is wrong with a snapshot, and what to do.
func shown(s *flow.Snapshot) (what, todo []string) {
	p := New(fake.NewFrame().Frame)
	p.count.Snapshot, p.count.Flows = s, len(s.Flows)
	for _, t := range p.wrong() {
		what, todo = append(what, t.what), append(todo, t.todo)
	}
	return what, todo
}

func link(up0, up1 bool) *flow.Snapshot {
	return &flow.Snapshot{MaxFlows: 100, Interfaces: []flow.Interface{{Name: "veth1", Up: up0}, {Name: "veth10", Up: up1}}}
}

// An interface that is down is said once, whether or not a warning says it, and one
// that is gone is not to be set up.
func TestInterfacesThatAreDown(t *testing.T) {
	s := link(false, false)
	s.Warnings = flow.Warnings{{Kind: flow.WarningDown, Interfaces: []string{"veth10"}}}
	what, todo := shown(s)
	if !slices.Equal(what, []string{"veth1 is down", "veth10 down"}) {
		t.Errorf("%q", what)
	}
	for i, name := range []string{"veth1", "veth10"} {
		if !strings.HasSuffix(todo[i], "ip link set "+name+" up.") {
			t.Errorf("%q", todo[i])
		}
	}
	s.Warnings = flow.Warnings{{Kind: flow.WarningGone, Interfaces: []string{"veth10"}}}
	if what, todo = shown(s); !slices.Equal(what, []string{"veth1 is down", "veth10 gone"}) || strings.Contains(todo[1], "ip link") {
		t.Errorf("%q: %q", what, todo)
	}
	if what, _ = shown(link(true, true)); len(what) != 0 {
		t.Errorf("%q while all is well", what)
	}
}

// A table that is nearly full is said once, and from 90 % on.
func TestFullTable(t *testing.T) {
	s := link(true, true)
	s.Flows = make([]flow.Flow, 89)
	if what, _ := shown(s); len(what) != 0 {
		t.Errorf("%q at 89 %%", what)
	}
	s.Flows = make([]flow.Flow, 90)
	what, todo := shown(s)
	if !slices.Equal(what, []string{"table 90 % full"}) || !strings.Contains(todo[0], "--max-flows") {
		t.Errorf("%q: %q", what, todo)
	}
	s.Warnings = flow.Warnings{{Kind: flow.WarningTable, Numbers: []int{90}}}
	again, same := shown(s)
	if !slices.Equal(again, []string{"table 90 %"}) || !slices.Equal(same, todo) {
		t.Errorf("%q: %q", again, same)
	}
}

// What to do about each kind of warning.
func TestAdvice(t *testing.T) {
	for kind, word := range map[flow.WarningKind]string{
		flow.WarningOther: "ctop help", flow.WarningStalled: "ctop down", flow.WarningDown: "ip link set veth1 up",
		flow.WarningGone: "there again", flow.WarningUsed: "address", flow.WarningMTU: "mtu BYTES",
		flow.WarningTable: "--max-flows", flow.WarningEvicted: "ctop help", flow.WarningNotTracked: "ctop help",
		flow.WarningInterfaces: "every second", flow.WarningRetried: "goes away by itself",
	} {
		if got := adviceFor(flow.Warning{Kind: kind, Interfaces: []string{"veth1"}}); !strings.Contains(got, word) {
			t.Errorf("%s: %q has no %q", kind, got, word)
		}
	}
}
