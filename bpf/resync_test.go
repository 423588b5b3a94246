package bpf

import (
	"math/rand/v2"
	"testing"
)

// connection is a TCP connection whose ends are behind different interfaces: the
// client behind the first, the server behind the second.
type connection struct {
	*harness
	by hook
}

// connect opens a connection.
func (h *harness) connect(by hook) connection {
	h.t.Helper()
	c := connection{h, by}
	c.client("new", segment{flags: syn, seq: 1000})
	c.server("established", segment{flags: syn | ack, seq: 5000, ack: 1001})
	c.client("established", segment{flags: ack, seq: 1001, ack: 5001})
	return c
}

func (c connection) key() ConntrackFlowKey {
	key, _ := keyOf(frame{src: client4, dst: server4, proto: protoTCP}, 40000, 443)
	return key
}

// client and server let a segment of that end come in by its own interface, and
// compare the verdict.
func (c connection) client(want string, s segment) {
	c.t.Helper()
	c.come(0)
	c.expect(c.by, c.frame(0, s), want)
}

func (c connection) server(want string, s segment) {
	c.t.Helper()
	c.come(1)
	c.expect(c.by, c.frame(1, s), want)
}

// frame is a segment as one of the ends sends it.
func (c connection) frame(from int, s segment) []byte {
	s.window = 10000
	if from == 0 {
		s.sport, s.dport = 40000, 443
		return frame{src: client4, dst: server4, proto: protoTCP, l4: s.bytes()}.bytes()
	}
	s.sport, s.dport = 443, 40000
	return frame{src: server4, dst: client4, proto: protoTCP, l4: s.bytes()}.bytes()
}

// Somebody behind one interface forges both directions of a connection, so that
// they agree on numbers of his. The flow keeps its own.
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
					h.run(by, c.frame(0, segment{flags: ack, seq: seq, ack: acked, payload: 10}))
					h.run(by, c.frame(1, segment{flags: ack, seq: acked, ack: seq + 10}))
				}
				c.client("established", segment{flags: ack, seq: next, ack: 5001, payload: 10})
				next += 10
				c.server("established", segment{flags: ack, seq: 5001, ack: next})
			}
			if flow := h.flow(c.key()); state(flow) != ConntrackFlowStateSTATE_ESTABLISHED ||
				flow.Dir[0].End != next || flow.Dir[1].End != 5001 || flow.Dir[1].Acked != next {
				t.Errorf("%s, from side %d: the flow is %+v", by, side, flow)
			}
		}
	}
}

// Random numbers neither pass nor keep a flow alive, and it does not count them.
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
			if h.run(by, c.frame(n&1, segment{flags: ack | psh, seq: random.Uint32(), ack: random.Uint32(), payload: 100})) {
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
