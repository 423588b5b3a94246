package page_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ctop/internal/filter"
	"ctop/internal/names"
	"ctop/tracker/flow"
	"ctop/ui/internal/fake"
)

func TestFilter(t *testing.T) {
	f, one, _ := newFrame()
	tcp, _ := filter.Parse("tcp")
	f.StartFilter(tcp)
	one.is(t)
	f.SetFilter(tcp) // it is the same
	one.is(t)
	if got := f.FilterFacts(); !slices.Equal(got, []string{"filter: tcp"}) || f.Narrower("udp") != "tcp udp" {
		t.Errorf("%q, %q", got, f.Narrower("udp"))
	}
	f.OpenTab(1)
	f.ClearFilter()
	one.is(t, "FilterChanged")
	if f.Open() != 1 || f.FilterFacts() != nil {
		t.Errorf("%d is open, with %q", f.Open(), f.FilterFacts())
	}
	if f.ClearFilter(); f.Open() != 0 {
		t.Errorf("%d is open", f.Open())
	}
}

func TestNames(t *testing.T) {
	f, one, _ := newFrame(fake.Flows(3)...)
	f.ToggleNames()
	if f.Said() != "names of ports; addresses are not looked up here" || f.AskNames() != nil {
		t.Errorf("said %q", f.Said())
	}
	f.ToggleNames()
	if f.Said() != "addresses and ports as numbers" {
		t.Errorf("said %q", f.Said())
	}
	one.got = nil
	f.Names = names.New(func(_ context.Context, a netip.Addr) (string, error) { return "host" + a.String(), nil })
	if f.AskNames() != nil {
		t.Error("it asks though nobody wants names")
	}
	f.ToggleNames()
	if f.Said() != "names of addresses and ports, looked up in the background" {
		t.Errorf("said %q", f.Said())
	}
	f.Run(f.AskNames())
	one.is(t, "NamesChanged", "NamesChanged")
	if got := f.Names.Host(netip.MustParseAddr("10.0.0.1")); got != "host10.0.0.1" {
		t.Errorf("%q", got)
	}
	// A filter by names asks for the addresses of all flows.
	f.Narrow("src:hostx")
	f.Run(f.AskNames())
	if got := f.Names.Host(netip.MustParseAddr("192.168.1.10")); got != "host192.168.1.10" {
		t.Errorf("%q", got)
	}
}

func TestEndedFlows(t *testing.T) {
	f, _, _ := newFrame()
	take := func(id int, at time.Time) {
		f.Ended.Take(&flow.Event{Type: flow.EventDestroy, ID: flow.ID(id), Time: at, Reason: flow.ReasonRST}, f.Now, f.Paused)
	}
	take(1, f.Now)
	take(2, f.Now.Add(-time.Minute))
	if got := f.EndedReasons(); len(got) != 1 || got[1] != flow.ReasonRST {
		t.Errorf("%v", got)
	}
	f.Narrow("state:ended")
	if got := f.EndedReasons(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	f.Run(f.TogglePause())
	f.Now = f.Now.Add(1)
	if take(3, f.Now); len(f.EndedFlows()) != 2 {
		t.Errorf("%v", f.EndedFlows())
	}
	f.Run(f.TogglePause())
	if len(f.EndedFlows()) != 3 {
		t.Errorf("%v", f.EndedFlows())
	}
}

// Names in a filter are read only while they are shown.
func TestParseNames(t *testing.T) {
	f, _, _ := newFrame()
	resolver := func(context.Context, netip.Addr) (string, error) { return "", nil }
	for _, test := range []struct {
		on       bool
		resolver names.Resolver
		ok       bool
	}{{true, resolver, true}, {false, resolver, false}, {true, nil, false}, {false, nil, false}} {
		f.Names = names.New(test.resolver)
		f.Names.Set(test.on)
		if _, err := f.Parse("host:desk"); (err == nil) != test.ok {
			t.Errorf("%t, %t: %v", test.on, test.resolver != nil, err)
		}
	}
}
