package bpf

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"

	"ctop/internal/frame"
)

// capturer is a capture in a slot.
type capturer struct {
	*harness
	slot   uint32
	ring   *ebpf.Map
	reader *perf.Reader
}

// copied is a packet that a capture got.
type copied struct {
	ConntrackCaptured
	data []byte
}

func (h *harness) capture(slot uint32, c ConntrackCapture) capturer {
	h.t.Helper()
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: uint32(ebpf.MustPossibleCPU())})
	ok(h.t, err)
	reader, err := perf.NewReader(ring, 1<<20)
	ok(h.t, err)
	if c.Snap == 0 {
		c.Snap = 65536
	}
	ok(h.t, h.CaptureRules.Put(slot, &c))
	ok(h.t, h.CaptureCounts.Put(slot, make([]ConntrackCaptureCount, ebpf.MustPossibleCPU())))
	ok(h.t, h.Captures.Put(slot, ring))
	x := capturer{h, slot, ring, reader}
	x.ask(ConntrackFlowRequestREQUEST_CAPTURE, nil)
	h.t.Cleanup(func() {
		x.ask(ConntrackFlowRequestREQUEST_CAPTURED, nil)
		_ = h.Captures.Delete(slot)
		_ = reader.Close()
		_ = ring.Close()
	})
	return x
}

// ask asks for a mark, or for the capture to begin or to end.
func (x capturer) ask(request ConntrackFlowRequest, flow *ConntrackFlow) {
	x.t.Helper()
	args := ConntrackRequestArgs{Request: request, Slot: x.slot}
	if flow != nil {
		args.Key, args.Id = flow.Key, flow.ID()
	}
	_, err := x.Request.Run(&ebpf.RunOptions{Context: args, ContextOut: &args})
	ok(x.t, err)
	if args.Done == 0 {
		x.t.Errorf("request %d is not done", request)
	}
}

// got returns the packets that have come.
func (x capturer) got() (all []copied) {
	x.t.Helper()
	for {
		x.reader.SetDeadline(time.Now().Add(-time.Second))
		r, err := x.reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		ok(x.t, err)
		var c copied
		head := int(unsafe.Sizeof(c.ConntrackCaptured))
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&c.ConntrackCaptured)), head), r.RawSample)
		c.data = r.RawSample[head : head+int(c.Taken)]
		all = append(all, c)
	}
}

func (x capturer) counted() (sum ConntrackCaptureCount) {
	x.t.Helper()
	var perCPU []ConntrackCaptureCount
	ok(x.t, x.CaptureCounts.Lookup(x.slot, &perCPU))
	for _, c := range perCPU {
		sum.Copied += c.Copied
		sum.OverBudget += c.OverBudget
		sum.NoRoom += c.NoRoom
	}
	return sum
}

func (h *harness) running() (mask uint32) {
	h.t.Helper()
	ok(h.t, h.Capturing.Get(&mask))
	return mask
}

// toPort is a rule for flows of a port, of which each end may have it.
func toPort(port uint16) ConntrackCapture {
	c := ConntrackCapture{NumRules: 1}
	c.Rules[0].Low, c.Rules[0].High = [2]uint16{port, 0}, [2]uint16{port, 0xffff}
	return c
}

// captureOn runs a test on one processor: each has a buffer and a budget of its own.
func captureOn(t *testing.T, test func(*testing.T, *harness, hook)) {
	for _, by := range []hook{hookXDP, hookTC} {
		t.Run(string(by), func(t *testing.T) {
			defer onCPU(t, someCPUs(t, 1)[0])()
			test(t, newHarness(t, setup{}), by)
		})
	}
}

// A flow is captured from its first packet to its last, both directions, in full and as
// it is. Another flow is not, and is not marked.
func TestCaptureFromTheFirst(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.capture(1, toPort(2))
		wanted := udpFrame(client4, server4, 1, 2, 200)
		answer := wanted.Reply(frame.Datagram(2, 1, 30)).Bytes()
		for _, data := range [][]byte{wanted.Bytes(), answer, wanted.Bytes(), udpFrame(client4, server4, 1, 3, 200).Bytes()} {
			h.run(by, data)
		}
		got := x.got()
		if len(got) != 3 {
			t.Fatalf("%d packets", len(got))
		}
		for i, want := range [][]byte{wanted.Bytes(), answer, wanted.Bytes()} {
			c := got[i]
			if !bytes.Equal(c.data, want) || int(c.Length) != len(want) {
				t.Errorf("packet %d has %d of %d bytes", i, len(c.data), c.Length)
			}
			if c.Id == 0 || c.Id != got[0].Id || c.Direction != uint8(i%2) || (c.First != 0) != (i == 0) {
				t.Errorf("packet %d: %+v", i, c.ConntrackCaptured)
			}
		}
		if c := got[1]; stateNames[ConntrackFlowState(c.From)] != "NEW" || stateNames[ConntrackFlowState(c.To)] != "ESTABLISHED" {
			t.Errorf("from %d to %d", c.From, c.To)
		}
		for _, f := range h.entries() {
			if marked := f.Control>>7&1 != 0; marked != (f.Captures != 0) || marked != (f.ID() == got[0].Id) {
				t.Errorf("flow %x: control %x, captures %x", f.ID(), f.Control, f.Captures)
			}
		}
	})
}

// A flow that is there is captured from its mark on until that is taken back, and the
// last packet of a flow is captured, too.
func TestCaptureByMark(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.capture(0, ConntrackCapture{})
		udp := udpFrame(client4, server4, 1, 2, 20)
		h.run(by, udp.Bytes())
		flow := h.entries()[0]
		x.ask(ConntrackFlowRequestREQUEST_MARK, &flow)
		h.run(by, udp.Bytes())
		x.ask(ConntrackFlowRequestREQUEST_UNMARK, &flow)
		h.run(by, udp.Bytes())
		if got := x.got(); len(got) != 1 || got[0].Id != flow.ID() {
			t.Errorf("%+v", got)
		}
		if flow = h.entries()[0]; flow.Control>>7&1 != 0 {
			t.Error("the mark stays")
		}
	})
}

// Two captures get what each asks for, and no more than their part of a packet.
func TestCaptureTwo(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		short, other := toPort(2), toPort(3)
		short.Snap = 20
		a, b := h.capture(0, short), h.capture(3, other)
		h.run(by, udpFrame(client4, server4, 1, 2, 20).Bytes())
		if got := a.got(); len(got) != 1 || len(got[0].data) != 20 || got[0].Length != 62 {
			t.Errorf("%+v", got)
		}
		for _, source := range []uint16{1, 2, 3} {
			h.run(by, udpFrame(client4, server4, source, 3, 20).Bytes())
		}
		if got := b.got(); len(got) != 3 || len(got[1].data) != 62 {
			t.Errorf("%+v", got)
		}
		if got := a.got(); len(got) != 1 || got[0].Slots != 1|1<<3 {
			t.Errorf("%+v", got) // the one from port 2
		}
	})
}

// What the budget does not permit is counted, and the packet goes on.
func TestCaptureBudget(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		c := toPort(2)
		c.CostNs, c.BurstNs = uint64(time.Second), uint64(10*time.Second)
		x := h.capture(0, c)
		for range 30 {
			if !h.run(by, udpFrame(client4, server4, 1, 2, 20).Bytes()) {
				t.Error("a packet is gone")
			}
		}
		got, n := len(x.got()), x.counted()
		if got != 10 || n.Copied != uint64(got) || n.OverBudget != 30-uint64(got) {
			t.Errorf("%d packets, counted %+v", got, n)
		}
	})
}

// If whoever captures is killed, its ring is gone with it: the next packet of a marked
// flow ends the capture, and takes its mark away.
func TestCaptureKilled(t *testing.T) {
	captureOn(t, func(t *testing.T, h *harness, by hook) {
		x := h.capture(2, toPort(2))
		udp := udpFrame(client4, server4, 1, 2, 20).Bytes()
		h.run(by, udp)
		ok(t, x.reader.Close())
		ok(t, x.ring.Close())
		if h.running() != 1<<2 {
			t.Errorf("running: %x", h.running())
		}
		h.run(by, udp)
		if h.running() != 0 {
			t.Errorf("it still runs: %x", h.running())
		}
		h.run(by, udp)
		if f := h.entries()[0]; f.Control>>7&1 != 0 || f.Captures != 0 {
			t.Errorf("the mark stays: %x %x", f.Control, f.Captures)
		}
	})
}
