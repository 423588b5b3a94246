package bpf

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// piece is the fragment of a packet that has the bytes from one offset to another.
type piece struct {
	from, to int
	// last means that "more fragments" is not set.
	last bool
	want string
}

// of returns the fragment of a frame.
func (p piece) of(f frame.Frame) []byte {
	l4 := f.L4
	f.L4 = make([]byte, p.to-p.from)
	copy(f.L4, l4[min(p.from, len(l4)):])
	if f.Src.Is6() {
		f.Extensions = append(f.Extensions[:len(f.Extensions):len(f.Extensions)], fragmentHeader(uint16(p.from), !p.last))
		return f.Bytes()
	}
	f.Fragment = uint16(p.from / 8)
	if !p.last {
		f.Fragment |= frame.MoreFragments
	}
	return f.Bytes()
}

// families runs a test for both address families and both hooks.
func families(t *testing.T, h *harness, test func(by hook, src, dst netip.Addr)) {
	t.Helper()
	for _, ends := range [][2]netip.Addr{{client4, server4}, {server6, client6}} {
		for _, by := range hooks {
			h.reset()
			test(by, ends[0], ends[1])
			if t.Failed() {
				t.Fatalf("from %s by %s", ends[0], by)
			}
		}
	}
}

// Fragments that overlap, reach beyond the end of their packet or of the longest
// packet, or are empty, are invalid (RFC 791, RFC 5722, RFC 8200 4.5).
func TestFragmentsThatDoNotFit(t *testing.T) {
	h := newHarness(t, setup{})
	const bad = "invalid/malformed"
	for _, c := range []struct {
		name   string
		pieces []piece
	}{
		{"in order", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}, {1200, 1300, true, "new"}}},
		{"the last first", []piece{{0, 400, false, "new"}, {1200, 1300, true, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}}},
		{"a duplicate", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}, {400, 800, false, "new"}}},
		{"a duplicate of the first one", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {0, 400, false, "new"}, {400, 800, false, "new"}}},
		{"the next packet of the same identification", []piece{{0, 400, false, "new"}, {400, 500, true, "new"}, {0, 800, false, "new"}, {800, 900, true, "new"}}},
		{"over the first one", []piece{{0, 400, false, "new"}, {392, 800, false, bad}, {400, 800, false, "new"}}},
		{"in the first one", []piece{{0, 400, false, "new"}, {8, 16, false, bad}, {392, 400, true, bad}}},
		{"over one before", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {792, 1200, false, bad}, {800, 1200, false, "new"}}},
		{"over one behind", []piece{{0, 400, false, "new"}, {800, 1200, false, "new"}, {400, 808, false, bad}, {400, 800, true, bad}}},
		{"over all", []piece{{0, 400, false, "new"}, {800, 1200, false, "new"}, {400, 1600, false, bad}}},
		{"beyond the last one", []piece{{0, 400, false, "new"}, {800, 1200, true, "new"}, {1200, 1208, false, bad}, {1200, 1300, true, bad}}},
		{"two ends", []piece{{0, 400, false, "new"}, {800, 1200, true, "new"}, {400, 800, true, bad}, {400, 800, false, "new"}}},
		{"nothing", []piece{{0, 400, false, "new"}, {400, 400, true, bad}, {400, 400, false, bad}, {400, 500, true, "new"}}},
		{"beyond the longest packet", []piece{{0, 400, false, "new"}, {65528, 65544, true, bad}}},
		{"in more pieces than there are ranges", []piece{
			{0, 400, false, "new"},
			{800, 808, false, "new"},
			{1000, 1008, false, "new"},
			{1200, 1208, false, "new"},
			{1400, 1408, false, "new"},
			{1600, 1608, false, "new"},
			{400, 800, false, "new"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			families(t, h, func(by hook, src, dst netip.Addr) {
				f := udpFrame(src, dst, 1, 2, 1400)
				for _, p := range c.pieces {
					h.expect(by, p.of(f), p.want)
				}
				h.expectFlows(1)
			})
		})
	}
}

// A fragment that is not the last has a multiple of eight bytes. IPv4 fragments are
// cut to that, as in Linux.
func TestFragmentsNotOfEights(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		f := udpFrame(src, dst, 1, 2, 1400)
		h.expect(by, piece{0, 400, false, ""}.of(f), "new")
		want := "new"
		if src.Is6() {
			want = "invalid/malformed"
		}
		h.expect(by, piece{400, 805, false, ""}.of(f), want)
		h.expect(by, piece{800, 900, true, ""}.of(f), "new")
		h.expect(by, piece{400, 407, false, ""}.of(f), "invalid/malformed")
	})
}

// An invalid first fragment is not remembered: the later ones belong to no flow.
func TestFragmentsOfInvalidPackets(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		far := frame.Segment{Flags: frame.ACK, Seq: 1 << 30, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 1000}
		f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: far.Bytes()}
		h.expect(by, piece{0, 400, false, ""}.of(f), "invalid/window")
		before := *h.flow(key)
		h.wait(1)
		h.expect(by, piece{400, 800, false, ""}.of(f), "untracked")
		h.expect(by, piece{800, 1020, true, ""}.of(f), "untracked")
		if after := *h.flow(key); after != before {
			t.Errorf("the flow was %+v, is %+v", before, after)
		}
	})
}

// A first fragment is remembered as long as Linux waits for the others.
func TestFragmentsAreForgotten(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		f := udpFrame(src, dst, 1, 2, 1400)
		seconds := uint64(30)
		if src.Is6() {
			seconds = 60
		}
		h.expect(by, piece{0, 400, false, ""}.of(f), "new")
		h.wait(seconds - 1)
		h.expect(by, piece{400, 800, false, ""}.of(f), "new")
		h.wait(1)
		h.expect(by, piece{800, 1200, false, ""}.of(f), "untracked")
		h.expectFlows(1)
	})
}

// The last fragment of a TCP segment raises the end of its direction, and has its FIN.
func TestFragmentedSegments(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		s := frame.Segment{Flags: frame.ACK | frame.PSH, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 1000}
		f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}
		back := frame.Segment{Flags: frame.ACK, Seq: 5001, Window: 10000, Sport: 443, Dport: 40000}
		answer := func(number uint32, want string) {
			t.Helper()
			back.Ack = number
			h.expect(by, frame.Frame{Src: dst, Dst: src, Proto: frame.ProtoTCP, L4: back.Bytes()}.Bytes(), want)
		}
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		answer(1502, "invalid/window")
		h.expect(by, piece{816, 1020, true, ""}.of(f), "established")
		answer(2002, "invalid/window")
		h.expect(by, piece{520, 816, false, ""}.of(f), "established")
		answer(2001, "established")
		if flow := h.flow(key); flow.Dir[0].End != 2001 || flow.Origin.Packets != 5 {
			t.Errorf("the origin is %+v", flow.Dir[0])
		}
		s.Flags, s.Seq = frame.ACK|frame.FIN, 2001
		f.L4 = s.Bytes()
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_ESTABLISHED {
			t.Errorf("%s before the FIN came", stateNames[got])
		}
		h.expect(by, piece{520, 1020, true, ""}.of(f), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s after the FIN", stateNames[got])
		}
		answer(3002, "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_2 {
			t.Errorf("%s after the FIN was acknowledged", stateNames[got])
		}
	})
}

// A fragmented SYN opens its flow once, and its data may be acknowledged.
func TestFragmentedSYN(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		s := frame.Segment{Flags: frame.SYN, Seq: 1000, Window: 10000, Sport: 40000, Dport: 443, Payload: 1000}
		f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}
		h.expect(by, piece{0, 520, false, ""}.of(f), "new")
		h.expect(by, piece{520, 1020, true, ""}.of(f), "new")
		h.expectFlows(1)
		back := frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 2001, Window: 10000, Sport: 443, Dport: 40000}
		h.expect(by, frame.Frame{Src: dst, Dst: src, Proto: frame.ProtoTCP, L4: back.Bytes()}.Bytes(), "established")
		key, _ := keyOf(f, 40000, 443)
		if flow := h.flow(key); flow.Dir[0].End != 2001 || flow.Origin.Retransmits != 0 || flow.Origin.Packets != 2 {
			t.Errorf("the flow is %+v", flow)
		}
	})
}

// The fragments of a SYN that did not begin the flow pass and change nothing, since it
// may be forged.
func TestFragmentsOfAForgedSYN(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		for _, number := range []uint32{1 << 30, 1100} {
			s := frame.Segment{Flags: frame.SYN, Seq: number, Window: 10000, Sport: 40000, Dport: 443, Payload: 1000}
			f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}
			h.expect(by, piece{0, 400, false, ""}.of(f), "established")
			before := *h.flow(key)
			h.wait(1)
			for _, p := range []piece{{400, 800, false, ""}, {800, 1020, true, ""}} {
				h.expect(by, p.of(f), "established")
			}
			if after := *h.flow(key); after != before {
				t.Errorf("the flow was %+v, is %+v", before, after)
			}
		}
		end := frame.Segment{Flags: frame.FIN | frame.ACK, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443}
		h.expect(by, frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: end.Bytes()}.Bytes(), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s after the FIN", stateNames[got])
		}
	})
}

// A second fragment header is skipped if it is that of a whole packet. Fragments of
// fragments are untracked.
func TestNestedFragmentHeaders(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		key := h.establish(by, client6, server6)
		s := frame.Segment{Flags: frame.ACK | frame.PSH, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 404}
		first := frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoTCP, L4: s.Bytes()}
		first.Extensions = []frame.Extension{fragmentHeader(0, true), fragmentHeader(0, false)}
		later := frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoTCP, L4: frame.Payload(800)}
		later.Extensions = []frame.Extension{fragmentHeader(432, false)}
		back := frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1001 + 404 + 800, Window: 10000, Sport: 443, Dport: 40000}
		h.expect(by, first.Bytes(), "established")
		h.expect(by, later.Bytes(), "established")
		h.expect(by, frame.Frame{Src: server6, Dst: client6, Proto: frame.ProtoTCP, L4: back.Bytes()}.Bytes(), "established")
		if flow := h.flow(key); flow.Dir[0].End != back.Ack {
			t.Errorf("%s: the origin is %+v", by, flow.Dir[0])
		}
		first.Extensions[1] = fragmentHeader(0, true)
		h.expect(by, first.Bytes(), "untracked")
	}
}

// Fragments that arrive before the first one belong to no flow. The first one then
// covers their bytes and their FIN.
func TestFragmentsOvertakeTheFirst(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		s := frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 1001, Ack: 5001, Window: 10000, Sport: 40000, Dport: 443, Payload: 1000}
		f := frame.Frame{Src: src, Dst: dst, Proto: frame.ProtoTCP, L4: s.Bytes()}
		back := frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 2002, Window: 10000, Sport: 443, Dport: 40000}
		h.expect(by, piece{816, 1020, true, ""}.of(f), "untracked")
		h.expect(by, piece{520, 816, false, ""}.of(f), "untracked")
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s after the FIN", stateNames[got])
		}
		h.come(1)
		h.expect(by, frame.Frame{Src: dst, Dst: src, Proto: frame.ProtoTCP, L4: back.Bytes()}.Bytes(), "established")
		if flow := h.flow(key); state(flow) != ConntrackFlowStateSTATE_FIN_WAIT_2 || flow.Dir[0].End != 2002 {
			t.Errorf("the flow is %+v", flow)
		}
		h.come(0)
		// Only the middle one is early: the last one has the FIN.
		h.reset()
		key = h.establish(by, src, dst)
		h.expect(by, piece{520, 816, false, ""}.of(f), "untracked")
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		if flow := h.flow(key); state(flow) != ConntrackFlowStateSTATE_ESTABLISHED || flow.Dir[0].End != 1001+796 {
			t.Errorf("the flow is %+v", flow)
		}
		h.expect(by, piece{816, 1020, true, ""}.of(f), "established")
		if flow := h.flow(key); state(flow) != ConntrackFlowStateSTATE_FIN_WAIT_1 || flow.Dir[0].End != 2002 {
			t.Errorf("the flow is %+v", flow)
		}
	})
}
