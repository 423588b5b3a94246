package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// Of a connection whose directions take different trackers before its handshake is over, a RST
// passes that has the number of what the other tracker passed.
func TestPartedReset(t *testing.T) {
	a, b := newPair(t)
	const syn, ack, fin, rst = frame.SYN, frame.ACK, frame.FIN, frame.RST
	type segment struct {
		from int
		frame.Segment
	}
	for _, c := range []struct {
		name string
		all  []segment
	}{
		{"a SYN where the other end has an older connection", []segment{
			{0, frame.Segment{Flags: syn, Seq: 1000}},
			{1, frame.Segment{Flags: ack, Seq: 5001, Ack: 777}},
			{0, frame.Segment{Flags: rst, Seq: 777}},
		}},
		{"a RST whose number leaves out the FIN", []segment{
			{0, frame.Segment{Flags: syn, Seq: 1000}},
			{1, frame.Segment{Flags: syn | ack, Seq: 5000, Ack: 1001}},
			{0, frame.Segment{Flags: ack, Seq: 1001, Ack: 5001, Payload: 10}},
			{1, frame.Segment{Flags: ack, Seq: 5001, Ack: 1011, Payload: 20}},
			{0, frame.Segment{Flags: fin | ack, Seq: 1011, Ack: 5021}},
			{1, frame.Segment{Flags: ack, Seq: 5021, Ack: 1011, Payload: 20}},
			{0, frame.Segment{Flags: rst, Seq: 1011}},
		}},
		{"an end that gives up", []segment{
			{0, frame.Segment{Flags: syn, Seq: 1000}},
			{1, frame.Segment{Flags: syn | ack, Seq: 5000, Ack: 1001}},
			{0, frame.Segment{Flags: fin | ack, Seq: 1001, Ack: 5001}},
			{1, frame.Segment{Flags: rst, Seq: 5001}},
		}},
	} {
		for _, by := range hooks {
			for told := range 1 << len(c.all) { // after which segments they tell each other
				p := partLiving(a, b, by)
				for i, s := range c.all {
					p.pass(s.from, s.Segment)
					if told>>i&1 == 1 {
						p.tell()
					}
				}
			}
		}
	}
}
