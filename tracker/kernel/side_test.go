package kernel

import (
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// In a wire the side is the interface. Where interfaces are watched the zone is, and the
// side says in which direction.
func TestSideOf(t *testing.T) {
	for _, c := range []struct {
		zone     uint16
		second   bool
		in       uint16
		outgoing bool
	}{{0, false, 0, false}, {0, true, 1, false}, {1, false, 0, false}, {1, true, 0, true}, {9, true, 8, true}} {
		if in, outgoing := sideOf(c.zone, c.second); in != c.in || outgoing != c.outgoing {
			t.Errorf("zone %d, second %t: %d, %t", c.zone, c.second, in, outgoing)
		}
	}
}

// The ends of a key are swapped if the first has the larger address, or the larger port
// at the same address.
func TestKeySwapped(t *testing.T) {
	key := func(a, b [2]uint64, portA, portB uint16) *kernelKey {
		k := new(kernelKey)
		k.Addr[0], k.Addr[1] = a, b
		k.Port[0], k.Port[1] = portA, portB
		return k
	}
	for _, c := range []struct {
		k    *kernelKey
		want bool
	}{
		{key([2]uint64{1, 0}, [2]uint64{2, 0}, 9, 1), false},
		{key([2]uint64{2, 0}, [2]uint64{1, 9}, 1, 9), true},
		{key([2]uint64{1, 1}, [2]uint64{1, 2}, 9, 1), false},
		{key([2]uint64{1, 2}, [2]uint64{1, 1}, 1, 9), true},
		{key([2]uint64{1, 1}, [2]uint64{1, 1}, 1, 2), false},
		{key([2]uint64{1, 1}, [2]uint64{1, 1}, 2, 1), true},
		{key([2]uint64{1, 1}, [2]uint64{1, 1}, 1, 1), false},
	} {
		if got := keySwapped(c.k); got != c.want {
			t.Errorf("%+v: %t", c.k, got)
		}
	}
	ping := key([2]uint64{2, 0}, [2]uint64{1, 0}, 0, 0)
	if ping.IcmpType = 8; keySwapped(ping) {
		t.Error("a ping is swapped")
	}
}

// Only programs that were loaded for it trace packets.
func TestTraced(t *testing.T) {
	lab.Require(t)
	for _, tracing := range []bool{false, true} {
		k, err := Load(Options{MaxFlows: flow.MinMaxFlows, Tracing: tracing})
		if err != nil {
			t.Fatal(err)
		}
		if k.Traced() != tracing {
			t.Errorf("tracing %t: %t", tracing, k.Traced())
		}
		k.Close()
	}
}
