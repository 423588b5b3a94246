package main

import (
	"math/bits"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// A filter hides traces of other packets, and never that some were lost.
func TestTracesShown(t *testing.T) {
	web := flow.Trace{Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443")}}
	lost := flow.Trace{Lost: 7}
	for text, want := range map[string][2]bool{"": {true, true}, "tcp": {true, true}, "udp": {false, true}} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{showsTrace(f, &web), showsTrace(f, &lost)}; got != want {
			t.Errorf("%q: %v, not %v", text, got, want)
		}
	}
}

// The snapshots of a dump are a second apart at most, and divide its time.
func TestDumpInterval(t *testing.T) {
	for watch, want := range map[time.Duration]time.Duration{
		time.Millisecond: time.Millisecond, time.Second: time.Second, time.Second + 2: time.Second/2 + 1,
		2 * time.Second: time.Second, 2500 * time.Millisecond: 2500 * time.Millisecond / 3, 0: 0,
	} {
		if got := dumpInterval(watch); got != want {
			t.Errorf("%s: %s, not %s", watch, got, want)
		}
	}
}

// The service keeps four capabilities, and a fifth if peers are in other processes.
func TestKeptCapabilities(t *testing.T) {
	for through, want := range map[bool][]int{
		false: {unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN},
		true:  {unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE},
	} {
		set := kept(through)
		for _, c := range want {
			if set&(1<<c) == 0 {
				t.Errorf("through processes %t: %d is dropped", through, c)
			}
		}
		if bits.OnesCount64(set) != len(want) {
			t.Errorf("through processes %t: %x", through, set)
		}
	}
}
