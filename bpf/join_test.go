package bpf

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// Each direction takes the way by one tracker, and neither drops a packet.
func TestInheritedAsymmetric(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, told := range []bool{true, false} {
			restart(a, b)
			c := connection{a, by}
			both := [2]*harness{a, b}
			var id uint64
			send := func(from int, s frame.Segment) {
				t.Helper()
				h := both[from]
				h.come(from)
				if !h.run(by, c.frame(from, s)) {
					t.Fatalf("%s, told %t: %+v was dropped: %+v", by, told, s, h.flow(c.key()))
				}
				if f := h.flow(c.key()); told && f != nil {
					both[1-from].enter(h.told(c.key()))
				} else if told && id != 0 {
					both[1-from].end(c.key(), id)
				}
				if f := h.flow(c.key()); f != nil {
					id = f.ID()
				}
			}
			// All of a short one passes before anything is told.
			quick := told
			told = false
			send(0, frame.Segment{Flags: frame.SYN, Seq: 900})
			send(1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 4000, Ack: 901})
			send(0, frame.Segment{Flags: frame.ACK, Seq: 901, Ack: 4001, Payload: 50})
			send(1, frame.Segment{Flags: frame.ACK, Seq: 4001, Ack: 951, Payload: 60})
			send(0, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 951, Ack: 4061})
			send(1, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 4061, Ack: 952})
			send(0, frame.Segment{Flags: frame.ACK, Seq: 952, Ack: 4062})
			if told = quick; told {
				id := a.flow(c.key()).ID()
				b.enter(a.told(c.key()))
				a.end(c.key(), id)
				if a.count() != 0 || b.count() != 0 {
					t.Errorf("%s: of a short one %+v and %+v are left", by, a.flow(c.key()), b.flow(c.key()))
				}
			} else {
				restart(a, b)
			}
			before := [2]ConntrackCpuStats{a.counters(), b.counters()}
			id = 0
			send(0, frame.Segment{Flags: frame.SYN, Seq: 1000})
			send(1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})
			send(0, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 100})
			seq := uint32(5001)
			for range 200 {
				send(1, frame.Segment{Flags: frame.ACK, Seq: seq, Ack: 1101, Payload: 1400})
				seq += 1400
				send(0, frame.Segment{Flags: frame.ACK, Seq: 1101, Ack: seq})
			}
			for i, h := range both {
				f := h.flow(c.key())
				if told && (f == nil || state(f) != ConntrackFlowStateSTATE_ESTABLISHED || f.ID() != a.flow(c.key()).ID()) {
					t.Errorf("%s: at tracker %d the flow is %+v", by, i, f)
				}
			}
			send(0, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 1101, Ack: seq})
			send(1, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: seq, Ack: 1102})
			if f := a.flow(c.key()); told && state(f) != ConntrackFlowStateSTATE_LAST_ACK {
				t.Errorf("%s: after both FINs the flow is %+v", by, f)
			}
			send(0, frame.Segment{Flags: frame.ACK, Seq: 1102, Ack: seq + 1})
			if told && (a.count() != 0 || b.count() != 0) {
				t.Errorf("%s: %+v and %+v are left", by, a.flow(c.key()), b.flow(c.key()))
			}
			a.sumsHold(before[0])
			b.sumsHold(before[1])
		}
	}
}

// A tracker that has heard a SYN alone learns from its partner that it was answered. It goes
// by the ACKs that it hears from then on, whatever the answer's number: the connection ends
// after the last one, not by the FIN before it.
func TestInheritedAnswerNumbers(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for _, isn := range []uint32{0, 5000, 1<<31 - 1, 1 << 31, 1<<32 - 2} {
			restart(a, b)
			c := connection{a, by}
			both := [2]*harness{a, b}
			send := func(from int, s frame.Segment) {
				t.Helper()
				h := both[from]
				h.come(from)
				if !h.run(by, c.frame(from, s)) {
					t.Fatalf("%s, %d: %+v was dropped: %+v", by, isn, s, h.flow(c.key()))
				}
				if h.flow(c.key()) != nil {
					both[1-from].enter(h.told(c.key()))
				}
			}
			send(0, frame.Segment{Flags: frame.SYN, Seq: 900})
			send(1, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: isn, Ack: 901})
			send(0, frame.Segment{Flags: frame.ACK, Seq: 901, Ack: isn + 1})
			send(0, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: 901, Ack: isn + 1})
			send(1, frame.Segment{Flags: frame.ACK, Seq: isn + 1, Ack: 902})
			send(1, frame.Segment{Flags: frame.ACK | frame.FIN, Seq: isn + 1, Ack: 902})
			f := a.flow(c.key())
			if f == nil {
				t.Errorf("%s, %d: the flow ends before the last ACK", by, isn)
				continue
			}
			if got := f.Dir[0].Acked; got != isn+1 {
				t.Errorf("%s, %d: %d is acknowledged", by, isn, got)
			}
			send(0, frame.Segment{Flags: frame.ACK, Seq: 902, Ack: isn + 2})
			for i, h := range both {
				if f := h.flow(c.key()); f == nil || state(f) != ConntrackFlowStateSTATE_TIME_WAIT {
					t.Errorf("%s, %d: after the last ACK tracker %d has %+v", by, isn, i, f)
				}
			}
		}
	}
}

// A connection whose directions part while it is open goes on, and so it does when they meet
// again. What goes on from nothing that was seen is refused.
func TestInheritedParts(t *testing.T) {
	a, b := newPair(t)
	for _, by := range hooks {
		for turned := range 2 {
			restart(a, b)
			c := a.connect(by)
			ways := [2]*harness{a, a}
			next := [2]uint32{1001, 5001}
			for i := range 900 {
				switch i {
				case 300:
					ways[turned] = b
					expectResult(t, b.enter(a.told(c.key())), ConntrackInheritResultINHERIT_DONE)
				case 600:
					ways[turned] = a
				}
				for from, h := range ways {
					s := frame.Segment{Flags: frame.ACK, Seq: next[from], Ack: next[1-from], Payload: 1400}
					h.come(from)
					if !h.run(by, c.frame(from, s)) {
						t.Fatalf("%s, %d: round %d: %+v was dropped: %+v", by, turned, i, s, h.flow(c.key()))
					}
					next[from] += 1400
				}
				if i == 500 {
					a.come(1 - turned)
					s := frame.Segment{Flags: frame.ACK, Seq: next[1-turned] + 1<<24, Ack: next[turned], Payload: 10}
					if a.run(by, c.frame(1-turned, s)) {
						t.Fatalf("%s, %d: %+v passes in %+v", by, turned, s, a.flow(c.key()))
					}
				}
			}
		}
	}
}

// Answers and errors of ICMP pass whose flow the partner may have heard a moment ago, and are
// refused without a partner. None begins a flow. An error of one that did not send what it
// quotes is refused as ever.
func TestPartnersRequest(t *testing.T) {
	h := newHarness(t, setup{})
	for _, addrs := range [][2]netip.Addr{{client4, server4}, {client6, server6}} {
		syn := synFrame(addrs[0], addrs[1])
		answer := frame.Frame{Src: addrs[1], Dst: addrs[0], Proto: frame.ProtoICMP, L4: frame.ICMP(0, 0, 77, 56)}
		if addrs[0].Is6() {
			answer.Proto, answer.L4 = frame.ProtoICMPv6, frame.ICMP(129, 0, 77, 56)
		}
		for _, by := range hooks {
			for _, paired := range []bool{false, true} {
				h.reset()
				h.config.Paired = 0
				want := "invalid/icmp"
				if paired {
					h.config.Paired, want = 1, "related"
				}
				h.enforce(true)
				h.expect(by, answer.Bytes(), want)
				for _, kind := range errorTypes(addrs[0]) {
					about := errorAbout(syn, kind, 1200)
					h.expect(by, about.Bytes(), want)
					about.Dst = addrs[1]
					h.expect(by, about.Bytes(), "invalid/icmp")
				}
				h.expectFlows(0)
			}
		}
	}
}
