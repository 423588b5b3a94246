package bpf

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"
)

// A reader sleeps until enough events wait, and is then woken.
func TestWakeup(t *testing.T) {
	const recordSize, wakeupBytes = int(unsafe.Offsetof(ConntrackEvent{}.CreatedNs)) + 8, 256 << 10
	h := newHarness(t, setup{})
	reader := h.addReader(1)
	woken := make(chan error, 1)
	go func() {
		var record ringbuf.Record
		woken <- reader.ReadInto(&record)
	}()
	begin := func(from, to int) {
		for port := from; port < to; port++ {
			h.run(hookXDP, udpFrame(client4, server4, uint16(port), 2, 0).Bytes())
		}
	}
	begin(0, wakeupBytes/recordSize-1)
	select {
	case err := <-woken:
		t.Fatalf("woken before enough had gathered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	// Of the events of each CPU one in eight looks.
	begin(wakeupBytes/recordSize-1, wakeupBytes/recordSize+8*runtime.NumCPU())
	select {
	case err := <-woken:
		ok(t, err)
	case <-time.After(time.Minute):
		t.Fatal("not woken")
	}
}

// User space reads the same clocks as the programs.
func TestReadClock(t *testing.T) {
	h := newHarness(t, setup{})
	h.wait(12)
	var args ConntrackClockArgs
	h.syscall(h.ReadClock, &args)
	if args.Ticks != h.config.InjectedTicks || args.Ns != h.config.InjectedNs {
		t.Errorf("%+v, want %+v", args, h.config)
	}
}

// Without a reader no event is copied, and none counts as lost.
func TestNoReader(t *testing.T) {
	h := newHarness(t, setup{})
	ok(t, h.Readers.Delete(uint32(0)))
	before := h.counters()
	h.expect(hookTC, udpFrame(client4, server4, 1, 2, 0).Bytes(), "new")
	if counted := h.since(before); eventsMade(counted) != 1 || counted.EventsLost != 0 {
		t.Errorf("counted %+v", counted)
	}
}
