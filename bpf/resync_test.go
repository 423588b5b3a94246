package bpf

import (
	"math/rand/v2"
	"testing"

	"ctop/internal/frame"
)

// connection is a TCP connection. The client is behind the first interface, the server
// behind the second.
type connection struct {
	*harness
	by hook
}

// connect opens a connection.
func (h *harness) connect(by hook) connection {
	h.t.Helper()
	c := connection{h, by}
	c.client("new", frame.Segment{Flags: frame.SYN, Seq: 1000})
	c.server("established", frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})
	c.client("established", frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001})
	return c
}

func (c connection) key() ConntrackFlowKey {
	key, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}, 40000, 443)
	return key
}

// client and server send a segment by their own interface and compare the verdict.
func (c connection) client(want string, s frame.Segment) {
	c.t.Helper()
	c.come(0)
	c.expect(c.by, c.frame(0, s), want)
}

func (c connection) server(want string, s frame.Segment) {
	c.t.Helper()
	c.come(1)
	c.expect(c.by, c.frame(1, s), want)
}

// frame returns a segment as one of the ends sends it, which has always the same window.
func (c connection) frame(from int, s frame.Segment) []byte {
	s.Window = 10000
	return c.bytes(from, s)
}

// bytes returns a segment as one of the ends sends it.
func (c connection) bytes(from int, s frame.Segment) []byte {
	if from == 0 {
		s.Sport, s.Dport = 40000, 443
		return frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: s.Bytes()}.Bytes()
	}
	s.Sport, s.Dport = 443, 40000
	return frame.Frame{Src: server4, Dst: client4, Proto: frame.ProtoTCP, L4: s.Bytes()}.Bytes()
}

// An attacker behind one interface forges both directions of a connection, so that they
// agree on other numbers. The flow keeps its own.
func TestForgedAgreement(t *testing.T) {
	h := newHarness(t, setup{})
	for i, by := range hooks {
		for n := range 4 {
			side := n & 1
			h.reset()
			h.enforce(n > 1)
			c := h.connect(by)
			random := rand.New(rand.NewPCG(uint64(i), 11))
			next := uint32(1001)
			for range 300 {
				seq, acked := random.Uint32(), random.Uint32()
				h.come(side)
				for range 3 {
					h.run(by, c.frame(0, frame.Segment{Flags: frame.ACK, Seq: seq, Ack: acked, Payload: 10}))
					h.run(by, c.frame(1, frame.Segment{Flags: frame.ACK, Seq: acked, Ack: seq + 10}))
				}
				c.client("established", frame.Segment{Flags: frame.ACK, Seq: next, Ack: 5001, Payload: 10})
				next += 10
				c.server("established", frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: next})
			}
			if flow := h.flow(c.key()); state(flow) != ConntrackFlowStateSTATE_ESTABLISHED ||
				flow.Dir[0].End != next || flow.Dir[1].End != 5001 || flow.Dir[1].Acked != next {
				t.Errorf("%s, from side %d: the flow is %+v", by, side, flow)
			}
		}
	}
}

// Segments with random numbers do not pass, do not keep a flow alive, and do not count
// for it.
func TestRandomSegments(t *testing.T) {
	h := newHarness(t, setup{})
	for i, by := range hooks {
		h.reset()
		h.enforce(true)
		c := h.connect(by)
		before := *h.flow(c.key())
		random := rand.New(rand.NewPCG(uint64(i), 12))
		h.wait(1000)
		passed := 0
		const sent = 20000
		for n := range sent {
			h.come(n & 1)
			if h.run(by, c.frame(n&1, frame.Segment{Flags: frame.ACK | frame.PSH, Seq: random.Uint32(), Ack: random.Uint32(), Payload: 100})) {
				passed++
			}
		}
		after := h.flow(c.key())
		if passed > sent/1000 {
			t.Errorf("%s: %d of %d passed", by, passed, sent)
		}
		for d := range after.Dir {
			if after.Dir[d] != before.Dir[d] {
				t.Errorf("%s: direction %d was %+v, is %+v", by, d, before.Dir[d], after.Dir[d])
			}
		}
	}
}
