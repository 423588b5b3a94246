package kernel

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"
	"unsafe"

	"ctop/tracker/flow"
)

// allSlots are free.
func allSlots(uint32) (release func(), ok bool) { return func() {}, true }

// everything wants every packet of new flows.
var everything = CaptureOptions{Snap: MaxSnap, Rate: 1_000_000, Rules: []flow.Rule{{}}}

// A capture has the packets of a flow from the first one on, with what the table knows of
// the flow, and ends with its context.
func TestCapture(t *testing.T) {
	_, table, _, c := injected(t)
	captures := NewCaptures(table, allSlots)
	x, err := captures.Begin(everything)
	must(t, err)
	defer x.Close()
	for _, side := range []int{0, 1} {
		table.SetSide(side, true)
		must(t, errors.Join(table.SetClock(c), table.Inject(datagram(side == 1))))
	}
	s, err := table.Read(c, nil)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for p, err := range x.Packets(ctx) {
		must(t, err)
		if p == nil {
			continue
		}
		back := n == 1
		want := flow.Packet{
			Ref: s.Flows[0].Ref(), First: !back, From: flow.StateNone, To: flow.StateNew, Length: len(datagram(back)),
		}
		if back {
			want.Direction, want.In, want.From, want.To = flow.Reply, 1, flow.StateNew, flow.StateEstablished
		}
		if !bytes.Equal(p.Data, datagram(back)) {
			t.Errorf("packet %d is %x, want %x", n, p.Data, datagram(back))
		}
		if p.Ref != want.Ref || p.First != want.First || p.Direction != want.Direction || p.In != want.In || p.From != want.From ||
			p.To != want.To || p.Dropped || p.Outgoing || p.Length != want.Length {
			t.Errorf("packet %d is %+v, want %+v", n, p, want)
		}
		if f, ok := table.FlowAt(p.Place, p.Ref.ID, c, &s.Timeouts); !ok || f.ID != p.Ref.ID || f.Tuple != s.Flows[0].Tuple || f.State != flow.StateEstablished {
			t.Errorf("packet %d is of the flow %+v, %v", n, f, ok)
		}
		if _, ok := table.FlowAt(p.Place, p.Ref.ID+1, c, &s.Timeouts); ok {
			t.Error("another flow is there")
		}
		if _, ok := table.FlowAt(1<<30, p.Ref.ID, c, &s.Timeouts); ok {
			t.Error("a flow is outside of the table")
		}
		if n++; n == 2 {
			cancel()
		}
	}
	if got, err := x.Counts(); n != 2 || err != nil || got != (flow.PacketCounts{Copied: 2}) {
		t.Errorf("%d packets, %+v, %v", n, got, err)
	}
	cancel()
}

// Four captures run at a time, of all processes, and none after Close.
func TestCaptureSlots(t *testing.T) {
	_, table, _, _ := injected(t)
	released := 0
	captures := NewCaptures(table, func(slot uint32) (func(), bool) {
		return func() { released++ }, slot != 1 // another process has that one
	})
	var running []*Capture
	for range 3 {
		x, err := captures.Begin(everything)
		must(t, err)
		running = append(running, x)
	}
	if _, err := captures.Begin(everything); !errors.Is(err, ErrNoCapture) {
		t.Errorf("a fifth capture: %v", err)
	}
	running[1].Close()
	again, err := captures.Begin(everything)
	must(t, err)
	if again.slot != running[1].slot || released != 1 {
		t.Errorf("the slot is %d, want %d; %d released", again.slot, running[1].slot, released)
	}
	captures.Close()
	for _, x := range []*Capture{running[0], again, running[2]} {
		x.Close()
	}
	if _, err := captures.Begin(everything); !errors.Is(err, os.ErrClosed) || released != 4 {
		t.Errorf("after the end: %v, %d released", err, released)
	}
}

// A mark lets a capture have the packets of a flow that lives, until it is taken away.
func TestCaptureMarks(t *testing.T) {
	_, table, _, c := injected(t)
	x, err := NewCaptures(table, allSlots).Begin(CaptureOptions{Snap: MaxSnap, Rate: 1_000_000})
	must(t, err)
	defer x.Close()
	must(t, table.Inject(datagram(false)))
	s, err := table.Read(c, nil)
	must(t, err)
	ref := s.Flows[0].Ref()
	for _, step := range []struct {
		wanted bool
		copied uint64
	}{{true, 1}, {false, 1}, {true, 2}} {
		if lives, err := x.Mark(ref, step.wanted); !lives || err != nil {
			t.Errorf("the flow lives: %v, %v", lives, err)
		}
		must(t, table.Inject(datagram(false)))
		if got, err := x.Counts(); err != nil || got.Copied != step.copied {
			t.Errorf("marked %v: %d packets, want %d", step.wanted, got.Copied, step.copied)
		}
	}
	ref.ID++
	if lives, err := x.Mark(ref, true); lives || err != nil {
		t.Errorf("another flow lives: %v, %v", lives, err)
	}
}

// copied returns a record of a packet.
func copied(c kernelCopied, data []byte) []byte {
	c.Taken = uint32(len(data))
	head := unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c))
	return append(append([]byte(nil), head...), data...)
}

// Records that are cut short are passed over, what follows a packet is left out, and a VLAN
// tag that the kernel keeps beside a packet is put into it.
func TestCapturedRecords(t *testing.T) {
	r := captureReader{capture: &Capture{captures: &Captures{table: &Table{}}}}
	data := []byte("\x01\x02\x03\x04\x05\x06\x0a\x0b\x0c\x0d\x0e\x0f\x08\x00payload")
	whole := copied(kernelCopied{Length: 100, Payload: 14, Dropped: 1, Side: 1, Direction: 1, From: 1, To: 2}, data)
	for n := range whole {
		if r.read(whole[:n]) {
			t.Errorf("%d bytes of %d are a packet", n, len(whole))
		}
	}
	if !r.read(append(whole, 0, 0, 0)) || !bytes.Equal(r.packet.Data, data) || r.packet.Length != 100 || r.packet.Payload != 14 ||
		!r.packet.Dropped || r.packet.First || r.packet.In != 1 || r.packet.Outgoing || r.packet.Direction != flow.Reply {
		t.Errorf("the packet is %+v", r.packet)
	}
	tagged := bytes.Join([][]byte{data[:12], {0x88, 0xa8, 0x20, 0x05}, data[12:]}, nil)
	for _, tt := range []struct {
		taken                int
		payload, wantPayload uint16
		want                 []byte
	}{
		{len(data), 14, 18, tagged},
		{len(data), 0, 0, tagged},
		{12, 0, 0, tagged[:16]},
		{11, 0, 0, data[:11]},
		{0, 0, 0, nil},
	} {
		length := 100
		if tt.taken >= 12 {
			length = 104
		}
		record := copied(kernelCopied{VlanProto: 0x88a8, VlanTci: 0x2005, Length: 100, Payload: tt.payload}, data[:tt.taken])
		if !r.read(record) || !bytes.Equal(r.packet.Data, tt.want) || r.packet.Length != length || r.packet.Payload != int(tt.wantPayload) {
			t.Errorf("of %d bytes: %+v", tt.taken, r.packet)
		}
	}
}

// A packet waits no longer than captureWait for others: nil comes as often, and not more.
func TestCaptureIsRegular(t *testing.T) {
	_, table, _, _ := injected(t)
	x, err := NewCaptures(table, allSlots).Begin(everything)
	must(t, err)
	defer x.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	n := 0
	for p, err := range x.Packets(ctx) {
		must(t, err)
		if p != nil {
			t.Errorf("a packet: %+v", p)
		}
		// One that is late may be followed by the next one at once.
		if took := time.Since(began); n > int(2*took/captureWait) {
			t.Errorf("nil comes again after %s, %d times before", took, n)
		}
		if n++; n == 5 {
			cancel()
		}
	}
	if n < 5 {
		t.Errorf("nil came %d times", n)
	}
}
