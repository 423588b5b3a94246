package netdev

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// watched are the points of two interfaces, each in both directions.
func watched() []Point {
	return []Point{
		{Name: "eth0", Index: 2, Role: flow.RoleWatch},
		{Name: "eth0", Index: 2, Role: flow.RoleWatch, Direction: Egress},
		{Name: "eth1", Index: 3, Role: flow.RoleWatch},
		{Name: "eth1", Index: 3, Role: flow.RoleWatch, Direction: Egress},
	}
}

// In a wire packets leave by the other interface; where a tracker watches they leave by
// none of its interfaces.
func TestSenders(t *testing.T) {
	wire := Wire(Point{Name: "left"}, Point{Name: "right"})
	for i, want := range []int{1, 0} {
		if got := senders(wire, i); !slices.Equal(got, []int{want}) {
			t.Errorf("by point %d leaves what comes in at %v", i, got)
		}
	}
	for i := range watched() {
		if got := senders(watched(), i); got != nil {
			t.Errorf("by watched point %d leaves what comes in at %v", i, got)
		}
	}
}

func TestIsWire(t *testing.T) {
	wire := Wire(Point{Name: "left"}, Point{Name: "right"})
	if !IsWire(wire) {
		t.Error("a wire is none")
	}
	swapped, looped := slices.Clone(wire), slices.Clone(wire)
	slices.Reverse(swapped)
	looped[1].To = 1
	for name, points := range map[string][]Point{
		"nothing": nil, "one side": wire[:1], "three sides": append(slices.Clone(wire), wire[0]),
		"each side to itself": swapped, "one side to itself": looped, "watched": watched()[:2], "half of it watched": {wire[0], {Role: flow.RoleWatch}},
	} {
		if IsWire(points) {
			t.Errorf("%s is a wire", name)
		}
	}
}

func TestPerInterface(t *testing.T) {
	points := watched()
	if got, want := PerInterface(points), []Point{points[0], points[2]}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// The two points of an interface are not each other's rivals for it.
func TestIsAnother(t *testing.T) {
	eth1 := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "eth1", Index: 3}}
	for i, want := range []bool{true, true, false, false} {
		if got := isAnother(watched(), i, eth1); got != want {
			t.Errorf("eth1 is another one than that of point %d: %t", i, got)
		}
	}
}

func TestValidPoint(t *testing.T) {
	good := Point{Name: "a", Index: 1, Mode: flow.ModeTC, Direction: Egress}
	if !good.Valid() {
		t.Error("a good one is not valid")
	}
	for name, harm := range map[string]func(*Point){
		"no name": func(p *Point) { p.Name = "" }, "no index": func(p *Point) { p.Index = 0 },
		"auto": func(p *Point) { p.Mode = flow.ModeAuto }, "a third direction": func(p *Point) { p.Direction = Egress + 1 },
	} {
		p := good
		if harm(&p); p.Valid() {
			t.Errorf("%s is valid", name)
		}
	}
}

// A program sees packets in the direction of its point, by tcx or in a filter, and
// detaching one leaves the other.
func TestHooks(t *testing.T) {
	lab.Require(t)
	k, err := kernel.Load(kernel.Options{MaxFlows: flow.MinMaxFlows})
	must(t, err)
	defer k.Close()
	l, err := lab.New(t.Context(), lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	port, err := netlink.LinkByName(l.Client.Port())
	must(t, err)
	must(t, setClsact(port, true))
	count := func(filter bool, h hook) int {
		if !filter {
			return countPrograms(t, port, h.tcx())
		}
		filters, err := ourFilters(port.Attrs().Index, h.parent())
		must(t, err)
		return len(filters)
	}
	for _, filter := range []bool{false, true} {
		in, out := Point{Mode: flow.ModeTC}.hook(), Point{Mode: flow.ModeTC, Direction: Egress}.hook()
		in.filter, out.filter = filter, filter
		first, err := in.attach(k, port.Attrs().Index)
		must(t, err)
		second, err := out.attach(k, port.Attrs().Index)
		must(t, err)
		if count(filter, in) != 1 || count(filter, out) != 1 {
			t.Errorf("filter %t: %d programs in, %d out", filter, count(filter, in), count(filter, out))
		}
		must(t, first.Detach())
		if count(filter, in) != 0 || count(filter, out) != 1 {
			t.Errorf("filter %t: %d programs in, %d out after detaching the first", filter, count(filter, in), count(filter, out))
		}
		must(t, second.Detach())
		must(t, first.Close())
		must(t, second.Close())
	}
}

// countPrograms counts the programs at a tcx hook.
func countPrograms(t *testing.T, on netlink.Link, at ebpf.AttachType) int {
	t.Helper()
	result, err := link.QueryPrograms(link.QueryOptions{Target: on.Attrs().Index, Attach: at})
	must(t, err)
	return len(result.Programs)
}

func TestIsWatch(t *testing.T) {
	in := Point{Role: flow.RoleWatch, Mode: flow.ModeTC}
	wire, native := in, in
	wire.Role, native.Mode = flow.RoleWire, flow.ModeNative
	for name, test := range map[string]struct {
		points []Point
		want   bool
	}{
		"nothing": {nil, false}, "lo": {[]Point{in}, true}, "as many as may be": {slices.Repeat([]Point{in}, 2*kernel.MaxWatched), true},
		"too many": {slices.Repeat([]Point{in}, 2*kernel.MaxWatched+1), false},
		"a wire's": {[]Point{in, wire}, false}, "native XDP": {[]Point{in, native}, false},
	} {
		if got := IsWatch(test.points); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// The two points of a watched interface are one, also when only one of them has its new name.
func TestTogether(t *testing.T) {
	points := watched()
	points[2].Name = "eth9"
	for i := range points {
		for j := range points {
			if got := together(points, i, j); got != (i/2 == j/2) {
				t.Errorf("%d and %d: %t", i, j, got)
			}
		}
	}
	eth9 := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "eth9", Index: 3}}
	for i, want := range []bool{true, true, false, false} {
		if got := isAnother(points, i, eth9); got != want {
			t.Errorf("eth9 is another one than that of point %d: %t", i, got)
		}
	}
}

// One interface that left, or that cannot be found, is shown without an index.
func TestStateOfTheGone(t *testing.T) {
	const nobody = 1 << 20
	p := Point{Name: "gone", Index: nobody, Mode: flow.ModeTC, Role: flow.RoleWatch, Left: true}
	want := flow.Interface{Name: "gone", Mode: flow.ModeTC, Role: flow.RoleWatch}
	for range 2 {
		if got := p.State(); !reflect.DeepEqual(got, want) {
			t.Errorf("left %t: %+v", p.Left, got)
		}
		if p.Carries() || p.ChangesNow() != nil || p.CompletesChecksums() {
			t.Errorf("left %t: it carries a program, has changes, or completes checksums", p.Left)
		}
		p.Left = false
	}
	for mode, completes := range map[flow.Mode]bool{flow.ModeTC: false, flow.ModeNative: true} {
		if p.Mode = mode; p.CompletesChecksums() != completes || p.NeedsPeerInProcess() != completes {
			t.Errorf("in %s mode it completes checksums: %t, and needs a process at its peer: %t", mode, p.CompletesChecksums(), p.NeedsPeerInProcess())
		}
	}
}
