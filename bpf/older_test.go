package bpf

import (
	"testing"
	"unsafe"
)

// An older ctop asks for the whole table, and knows so much of what it asks with: it may have
// joined this tracker, and be its owner one day.
func TestSweepOfOlder(t *testing.T) {
	const flows = 4096 + 100
	h := newHarness(t, setup{MaxFlows: 1 << 13})
	for n := range flows {
		h.run(hookXDP, udpFrame(client4, server4, uint16(n), 2, 10).Bytes())
	}
	h.wait(timeouts[ConntrackTimeoutTIMEOUT_UDP_UNIDIRECTIONAL])
	var args struct {
		Visited, Expired, Evicted uint64
		Pressure, SpareInherited  uint32
	}
	want := args
	want.Visited, want.Expired = flows, flows
	if h.syscall(h.Sweep, &args); args != want {
		t.Errorf("swept %+v, want %+v", args, want)
	}
	h.expectFlows(0)
}

// The arguments of programs that user space runs are as large as ever: a ctop runs those that
// another version has pinned, and a kernel runs none with less than it reads.
func TestArgumentsKeepTheirSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		size, was uintptr
	}{
		{"read_clock", unsafe.Sizeof(ConntrackClockArgs{}), 16},
		{"sweep", unsafe.Sizeof(ConntrackSweepArgs{}), 32},
		{"request", unsafe.Sizeof(ConntrackRequestArgs{}), 72},
		{"inherit", unsafe.Sizeof(ConntrackInheritArgs{}), 216},
	} {
		if c.size != c.was {
			t.Errorf("the arguments of %s have %d bytes, not %d", c.name, c.size, c.was)
		}
	}
}
