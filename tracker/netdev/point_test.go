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
