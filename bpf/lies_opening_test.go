package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// A partner says of a connection that it is open while its handshake goes on here, then that
// it has moved, and then that it has ended, or that there is another one: it stays.
func TestLiesWhileOpening(t *testing.T) {
	_, b := newPair(t)
	handshake := []frame.Segment{
		{Flags: frame.SYN, Seq: 1000}, {Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001}, {Flags: frame.ACK, Seq: 1001, Ack: 5001},
	}
	for _, by := range hooks {
		for after := range handshake {
			b.paired()
			c := connection{b, by}
			key := c.key()
			var said ConntrackInheritArgs
			for i, s := range handshake {
				b.come(i & 1)
				b.run(by, c.frame(i&1, s))
				if i == after {
					said = b.told(key)
					said.Control = uint32(ConntrackFlowStateSTATE_ESTABLISHED) | 0xff<<12 | 3<<22
					for d := range said.Dir {
						said.Dir[d].Packets = 5
					}
					b.enter(said)
				}
			}
			for i, s := range []frame.Segment{{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10}, {Flags: frame.ACK, Seq: 5001, Ack: 1011, Payload: 10}} {
				b.come(i & 1)
				b.run(by, c.frame(i&1, s))
			}
			if f := b.flow(key); f == nil || !hasFlag(f, ConntrackFlowFlagFLOW_KEPT) {
				t.Errorf("%s: told after segment %d: the flow is not kept: %+v", by, after, f)
			}
			b.wait(10)
			expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
			other := said
			other.Id ^= 0xff00ff
			expectResult(t, b.enter(other), ConntrackInheritResultINHERIT_OTHER)
			b.same(key, said.Id, said.Control, "another id was told")
			b.wait(10)
			expectResult(t, b.enter(said), ConntrackInheritResultINHERIT_DONE)
			expectResult(t, b.end(key, said.Id), ConntrackInheritResultINHERIT_IS_OWN)
			b.same(key, said.Id, said.Control, "its end was told")
		}
	}
	b.checkTable()
}
