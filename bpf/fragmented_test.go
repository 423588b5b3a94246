package bpf

import (
	"net/netip"
	"testing"
)

// piece is the part of a packet from one byte to another, as a fragment.
type piece struct {
	from, to int
	// last is set in the one without "more fragments".
	last bool
	want string
}

// of returns the fragment of a frame.
func (p piece) of(f frame) []byte {
	l4 := f.l4
	f.l4 = make([]byte, p.to-p.from)
	copy(f.l4, l4[min(p.from, len(l4)):])
	if f.src.Is6() {
		f.extensions = append(f.extensions[:len(f.extensions):len(f.extensions)], fragmentHeader(uint16(p.from), !p.last))
		return f.bytes()
	}
	f.fragment = uint16(p.from / 8)
	if !p.last {
		f.fragment |= ipv4MoreFragments
	}
	return f.bytes()
}

// families runs a test with both families and hooks.
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

// Fragments of one packet neither overlap, nor reach beyond its end or that of any
// packet, nor are they empty (RFC 791, RFC 5722, RFC 8200 4.5).
func TestFragmentsThatDoNotFit(t *testing.T) {
	h := newHarness(t, setup{})
	const bad = "invalid/malformed"
	for _, c := range []struct {
		name   string
		pieces []piece
	}{
		{"in order", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}, {1200, 1300, true, "new"}}},
		{"the last first", []piece{{0, 400, false, "new"}, {1200, 1300, true, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}}},
		{"said again", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {400, 800, false, "new"}, {800, 1200, false, "new"}, {400, 800, false, "new"}}},
		{"the first one said again", []piece{{0, 400, false, "new"}, {400, 800, false, "new"}, {0, 400, false, "new"}, {400, 800, false, "new"}}},
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
		{"in more pieces than are told apart", []piece{
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

// A fragment that is not the last has a multiple of eight bytes; over IPv4 what is
// beyond that is cut off, as Linux does.
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

// What an invalid first fragment shows is forgotten: its later ones belong to no
// flow, keep none alive and count for none.
func TestFragmentsOfInvalidPackets(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		far := segment{flags: ack, seq: 1 << 30, ack: 5001, window: 10000, sport: 40000, dport: 443, payload: 1000}
		f := frame{src: src, dst: dst, proto: protoTCP, l4: far.bytes()}
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

// A first fragment is remembered for as long as Linux waits for the others.
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

// A TCP segment in fragments was sent as far as the last of them goes, which has
// its FIN, too.
func TestFragmentedSegments(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		s := segment{flags: ack | psh, seq: 1001, ack: 5001, window: 10000, sport: 40000, dport: 443, payload: 1000}
		f := frame{src: src, dst: dst, proto: protoTCP, l4: s.bytes()}
		back := segment{flags: ack, seq: 5001, window: 10000, sport: 443, dport: 40000}
		answer := func(number uint32, want string) {
			t.Helper()
			back.ack = number
			h.expect(by, frame{src: dst, dst: src, proto: protoTCP, l4: back.bytes()}.bytes(), want)
		}
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		answer(1502, "invalid/window")
		h.expect(by, piece{816, 1020, true, ""}.of(f), "established")
		answer(2002, "invalid/window")
		h.expect(by, piece{520, 816, false, ""}.of(f), "established")
		answer(2001, "established")
		if flow := h.flow(key); flow.Dir[0].End != 2001 || flow.Dir[0].Packets != 5 {
			t.Errorf("the origin is %+v", flow.Dir[0])
		}
		s.flags, s.seq = ack|fin, 2001
		f.l4 = s.bytes()
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
		s := segment{flags: syn, seq: 1000, window: 10000, sport: 40000, dport: 443, payload: 1000}
		f := frame{src: src, dst: dst, proto: protoTCP, l4: s.bytes()}
		h.expect(by, piece{0, 520, false, ""}.of(f), "new")
		h.expect(by, piece{520, 1020, true, ""}.of(f), "new")
		h.expectFlows(1)
		back := segment{flags: syn | ack, seq: 5000, ack: 2001, window: 10000, sport: 443, dport: 40000}
		h.expect(by, frame{src: dst, dst: src, proto: protoTCP, l4: back.bytes()}.bytes(), "established")
		key, _ := keyOf(f, 40000, 443)
		if flow := h.flow(key); flow.Dir[0].End != 2001 || flow.Dir[0].Retransmits != 0 || flow.Dir[0].Packets != 2 {
			t.Errorf("the flow is %+v", flow)
		}
	})
}

// The fragments of a SYN that is not the flow's own pass, and change nothing: it may be
// forged.
func TestFragmentsOfAForgedSYN(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		for _, number := range []uint32{1 << 30, 1100} {
			s := segment{flags: syn, seq: number, window: 10000, sport: 40000, dport: 443, payload: 1000}
			f := frame{src: src, dst: dst, proto: protoTCP, l4: s.bytes()}
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
		end := segment{flags: fin | ack, seq: 1001, ack: 5001, window: 10000, sport: 40000, dport: 443}
		h.expect(by, frame{src: src, dst: dst, proto: protoTCP, l4: end.bytes()}.bytes(), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s after the FIN", stateNames[got])
		}
	})
}

// A fragment whose bytes begin with the fragment header of a whole packet is a fragment
// all the same; fragments of fragments are not looked into.
func TestNestedFragmentHeaders(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		key := h.establish(by, client6, server6)
		s := segment{flags: ack | psh, seq: 1001, ack: 5001, window: 10000, sport: 40000, dport: 443, payload: 404}
		first := frame{src: client6, dst: server6, proto: protoTCP, l4: s.bytes()}
		first.extensions = []extension{fragmentHeader(0, true), fragmentHeader(0, false)}
		later := frame{src: client6, dst: server6, proto: protoTCP, l4: payload(800)}
		later.extensions = []extension{fragmentHeader(432, false)}
		back := segment{flags: ack, seq: 5001, ack: 1001 + 404 + 800, window: 10000, sport: 443, dport: 40000}
		h.expect(by, first.bytes(), "established")
		h.expect(by, later.bytes(), "established")
		h.expect(by, frame{src: server6, dst: client6, proto: protoTCP, l4: back.bytes()}.bytes(), "established")
		if flow := h.flow(key); flow.Dir[0].End != back.ack {
			t.Errorf("%s: the origin is %+v", by, flow.Dir[0])
		}
		first.extensions[1] = fragmentHeader(0, true)
		h.expect(by, first.bytes(), "untracked")
	}
}

// Fragments that overtake the first one belong to no flow yet, but what they carry
// was sent once it comes, and so was a FIN.
func TestFragmentsOvertakeTheFirst(t *testing.T) {
	h := newHarness(t, setup{})
	families(t, h, func(by hook, src, dst netip.Addr) {
		key := h.establish(by, src, dst)
		h.enforce(true)
		s := segment{flags: ack | fin, seq: 1001, ack: 5001, window: 10000, sport: 40000, dport: 443, payload: 1000}
		f := frame{src: src, dst: dst, proto: protoTCP, l4: s.bytes()}
		back := segment{flags: ack, seq: 5001, ack: 2002, window: 10000, sport: 443, dport: 40000}
		h.expect(by, piece{816, 1020, true, ""}.of(f), "untracked")
		h.expect(by, piece{520, 816, false, ""}.of(f), "untracked")
		h.expect(by, piece{0, 520, false, ""}.of(f), "established")
		if got := state(h.flow(key)); got != ConntrackFlowStateSTATE_FIN_WAIT_1 {
			t.Errorf("%s after the FIN", stateNames[got])
		}
		h.come(1)
		h.expect(by, frame{src: dst, dst: src, proto: protoTCP, l4: back.bytes()}.bytes(), "established")
		if flow := h.flow(key); state(flow) != ConntrackFlowStateSTATE_FIN_WAIT_2 || flow.Dir[0].End != 2002 {
			t.Errorf("the flow is %+v", flow)
		}
		h.come(0)
		// The middle one alone: the last has the FIN, as ever.
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
