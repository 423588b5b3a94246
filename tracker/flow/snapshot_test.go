package flow

import "testing"

// Packets go on to the other side of a wire, and to the machine where it watches.
func TestOnward(t *testing.T) {
	wire := &Snapshot{Interfaces: []Interface{{Name: "left"}, {Name: "right"}}}
	for i, want := range []int{1, 0} {
		if to, ok := wire.Onward(i); !ok || to != want {
			t.Errorf("from %d to %d, %t", i, to, ok)
		}
	}
	if text := wire.Place(); text != "left ⇄ right" {
		t.Errorf("the wire is %q", text)
	}
	watch := &Snapshot{Interfaces: []Interface{{Name: "eth0", Role: RoleWatch}, {Name: "eth1", Role: RoleWatch}}}
	if to, ok := watch.Onward(0); ok {
		t.Errorf("a watched interface sends on to %d", to)
	}
	if text := watch.Place(); text != "eth0, eth1" {
		t.Errorf("the watched interfaces are %q", text)
	}
	if _, ok := (&Snapshot{Interfaces: wire.Interfaces[:1]}).Onward(0); ok {
		t.Error("half a wire sends on")
	}
	if text := new(Snapshot).Place(); text != "" {
		t.Errorf("nothing is %q", text)
	}
}

// The flow of a packet that answers came in where the packet leaves.
func TestMatchingSide(t *testing.T) {
	for _, c := range []struct {
		direction Direction
		want      uint16
	}{{Origin, 3}, {Reply, 7}} {
		trace := &Trace{In: 3, Out: 7, Direction: c.direction}
		if got := trace.Matching().In; got != c.want {
			t.Errorf("%s: in by %d, want %d", c.direction, got, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	for role, want := range map[Role]string{RoleWire: "wire", RoleWatch: "watch", 9: "role_9"} {
		if got := role.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
