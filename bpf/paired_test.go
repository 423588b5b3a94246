package bpf

import (
	"testing"

	"ctop/internal/frame"
)

// While a partner lives enforce lets segments pass that belong to no flow, and none that
// no tracker would take for part of one.
func TestPairedUnknown(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for _, c := range []struct {
			name           string
			flags          uint8
			alone, partner bool
		}{
			{"data", frame.ACK | frame.PSH, false, true},
			{"the end", frame.FIN | frame.ACK, false, true},
			{"a reset", frame.RST, false, true},
			{"an answer", frame.SYN | frame.ACK, false, true},
			{"a beginning", frame.SYN, true, true},
			{"no flags", 0, false, false},
			{"a beginning and end", frame.SYN | frame.FIN, false, false},
		} {
			for paired, want := range []bool{c.alone, c.partner} {
				h.reset()
				h.config.Paired = uint32(paired)
				h.enforce(true)
				segment := frame.Segment{Flags: c.flags, Seq: 7000, Ack: 9000, Window: 1000, Sport: 40000, Dport: 443}
				if got := h.run(by, tcpFrame(client4, server4, segment)); got != want {
					t.Errorf("%s: %s: paired %d: it passes: %v", by, c.name, paired, got)
				}
			}
		}
	}
}

// Of a connection that this tracker has heard, who does not know its numbers gets nothing
// past enforce, whether a partner lives or not.
func TestPairedKnown(t *testing.T) {
	h := newHarness(t, setup{})
	for _, by := range hooks {
		for paired := range uint32(2) {
			h.reset()
			h.config.Paired = paired
			h.enforce(true)
			c := h.connect(by)
			passed := 0
			for i := range uint32(64) { // its own numbers are 1001 and 5001
				for j := range uint32(64) {
					for _, flags := range []uint8{frame.ACK, frame.ACK | frame.FIN, frame.RST | frame.ACK} {
						s := frame.Segment{Flags: flags, Seq: 1001 + i<<26 + 1<<25, Ack: 5001 + j<<26, Payload: 10}
						h.come(0)
						if h.run(by, c.frame(0, s)) {
							passed++
						}
					}
				}
			}
			if passed > 0 {
				t.Errorf("%s: paired %d: %d of %d guesses passed", by, paired, passed, 3*64*64)
			}
			for i, s := range []frame.Segment{{Flags: frame.ACK, Seq: 1001, Ack: 5001, Payload: 10}, {Flags: frame.ACK, Seq: 5001, Ack: 1011, Payload: 10}} {
				h.come(i)
				if !h.run(by, c.frame(i, s)) {
					t.Errorf("%s: paired %d: segment %d was dropped: %+v", by, paired, i, h.flow(c.key()))
				}
			}
		}
	}
}
