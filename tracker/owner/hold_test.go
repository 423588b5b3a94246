package owner

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// What one process writes about a tracker another one reads; the second becomes the
// owner once the first is gone, and not before; the last one that leaves removes it.
func TestHold(t *testing.T) {
	lab.Require(t)
	objects, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
	must(t, err)
	d := Description{
		Layout: kernel.CurrentLayout(), MaxFlows: flow.MinMaxFlows, StartedNs: 1, Programs: "others",
		Interfaces: netdev.Wire(netdev.Point{Name: "left", Index: 1000, Mode: flow.ModeTC}, netdev.Point{Name: "right", Index: 1001, Mode: flow.ModeTC}),
	}
	where, _, err := Prepare("left", "right")
	must(t, err)
	first := New(objects, d, where.Dir())
	must(t, first.Describe())
	_, err = first.Pin()
	must(t, err)
	if first.Whole() {
		t.Error("it is whole without attachments")
	}
	for i := range 2 {
		must(t, os.Mkdir(filepath.Join(where.Dir(), netdev.LinkPin(i)), 0o700))
	}
	if again, found, err := find([]string{"right", "left"}); err != nil || !found || again.Dir() != where.Dir() || !first.Whole() {
		t.Fatalf("in the other order: %q, %t, %v", again.Dir(), found, err)
	}
	second, copies, err := Join(t.Context(), where.Dir())
	must(t, err)
	table, err := kernel.NewTable(copies)
	must(t, err)
	must(t, table.Rows(func(*kernel.Row) { t.Error("the table has a flow") }))
	second.Use()
	if !second.Joined() || first.Joined() || !reflect.DeepEqual(second.Description(), d) || second.IsCurrent() {
		t.Errorf("the second reads %+v", second.Description())
	}
	p := d.Interfaces[1]
	p.Name, p.Index = "renamed", 1002
	must(t, first.SetPoint(1, p))
	must(t, first.SetCurrent())
	if got := describedAt(where.Dir()); got.Interfaces[1].Name != "renamed" || got.Programs == "others" || !first.IsCurrent() {
		t.Errorf("written: %+v", got)
	}
	pair := flow.Pair{State: flow.PairInSync, Partner: "b"}
	must(t, first.SetPair(pair, 77))
	if got := describedAt(where.Dir()); got.Pair != pair || got.PairNs != 77 {
		t.Errorf("of the pair is written: %+v", got)
	}
	if second.Adopt(); second.Owned() || second.Ends() || !first.Owned() {
		t.Errorf("the second owns it: %t, and ends it: %t; the first owns it: %t", second.Owned(), second.Ends(), first.Owned())
	}
	must(t, first.Keep())
	if got := describedAt(where.Dir()); !got.Keep || !first.Kept() || first.Ends() {
		t.Errorf("kept: %+v, %t, it ends: %t", got, first.Kept(), first.Ends())
	}
	first.Forget()
	first.description.Keep = false
	must(t, first.Describe())
	if !second.OthersUse() {
		t.Error("the first does not use it")
	}
	first.Release()
	objects.Close()
	second.StopUsing()
	if second.OthersUse() {
		t.Error("the first still uses it")
	}
	second.Use()
	if second.Adopt(); !second.Owned() || !second.Ends() || second.Gone() {
		t.Errorf("after the first: owned %t, ends %t, gone %t", second.Owned(), second.Ends(), second.Gone())
	}
	if !second.BeginClose() || second.BeginClose() {
		t.Error("it is not closed once")
	}
	ended, err := second.Leave(nil)
	copies.Close()
	second.Release()
	if _, gone := os.Stat(where.Dir()); !ended || err != nil || !os.IsNotExist(gone) {
		t.Errorf("ended %t, %v, %v", ended, err, gone)
	}
}

// What the owner says of its pair counts for five seconds.
func TestPairAt(t *testing.T) {
	said := flow.Pair{State: flow.PairInSync, Partner: "gate-2", Lag: 5}
	stopped := flow.Pair{State: flow.PairStopped, Partner: "gate-2"}
	second := uint64(1_000_000_000)
	for _, c := range []struct {
		d    Description
		at   uint64
		want flow.Pair
	}{
		{Description{}, 100 * second, flow.Pair{}},
		{Description{Pair: said, PairNs: 10 * second}, 10 * second, said},
		{Description{Pair: said, PairNs: 10 * second}, 15 * second, said},
		{Description{Pair: said, PairNs: 10 * second}, 15*second + 1, stopped},
		{Description{Pair: said, PairNs: 10 * second}, 9 * second, said}, // said while a table was read
	} {
		if got := c.d.PairAt(c.at); got != c.want {
			t.Errorf("%+v at %d: %+v", c.d, c.at, got)
		}
	}
}

// The tracker of a pair waits a minute for the ctop that told its partner.
func TestAwaitsPair(t *testing.T) {
	stopped := flow.Pair{State: flow.PairStopped}
	second := uint64(1_000_000_000)
	for _, c := range []struct {
		d    Description
		at   uint64
		want bool
	}{
		{Description{}, 0, false},
		{Description{Pair: stopped, PairNs: 10 * second}, 10 * second, true},
		{Description{Pair: stopped, PairNs: 10 * second}, 70*second - 1, true},
		{Description{Pair: stopped, PairNs: 10 * second}, 70 * second, false},
		{Description{Pair: stopped, PairNs: 10 * second}, 10*second - 1, true},
	} {
		if got := c.d.AwaitsPair(c.at); got != c.want {
			t.Errorf("%+v at %d: %t", c.d, c.at, got)
		}
	}
}

// Whoever cannot restore a setting leaves the pins that record it, for another ctop.
// Otherwise nothing of a tracker stays.
func TestRemoveLeavesWhatItCannotRestore(t *testing.T) {
	lab.Require(t)
	lo, err := netlink.LinkByName("lo") // it has no peer that could be found
	must(t, err)
	index := lo.Attrs().Index
	for _, reached := range []bool{true, false} {
		objects, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
		must(t, err)
		left := netdev.Point{Name: "lo", Index: index, Mode: flow.ModeTC, Changes: []netdev.Setting{{Kind: "promisc", Name: "lo"}}}
		if !reached {
			left.Changes = append(left.Changes, netdev.Setting{Kind: "gro", NetNS: "/proc/nobody/ns/net", Name: "other"})
		}
		d := Description{
			Layout: kernel.CurrentLayout(), MaxFlows: flow.MinMaxFlows, StartedNs: 1,
			Interfaces: netdev.Wire(left, netdev.Point{Name: "gone", Index: 1001, Mode: flow.ModeTC}),
		}
		where, _, err := Prepare("lo", "gone")
		must(t, err)
		h := New(objects, d, where.Dir())
		must(t, h.Describe())
		_, err = h.Pin()
		must(t, err)
		must(t, netlink.SetPromiscOn(lo))
		errs := h.Remove(nil)
		_, gone := os.Stat(where.Dir())
		recorded := describedAt(where.Dir())
		if (len(errs) == 0) != reached || os.IsNotExist(gone) != reached || !reached && len(recorded.Interfaces[0].Changes) != 2 {
			t.Errorf("settings are reached: %t, %v, %v, recorded %+v", reached, errs, gone, recorded)
		}
		if l, err := netlink.LinkByIndex(index); err != nil || l.Attrs().Promisc != 0 {
			t.Errorf("a setting is not restored: %v, %v", l, err)
		}
		h.Release()
		objects.Close()
		if !reached {
			_ = removeTracker(where.Dir(), recorded, false)
		}
	}
}
