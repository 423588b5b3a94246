package bpf

import (
	"testing"
	"unsafe"

	"ctop/internal/frame"
)

// A packet that moves no sequence number writes to the line of its direction's traffic
// alone, so CPUs that have one direction each do not write what the other reads.
func TestPacketWritesItsLine(t *testing.T) {
	h := newHarness(t, setup{})
	tcp := conversation()[:3]
	there := tcp[2]
	s := frame.Segment{Window: 10000, Sport: 443, Dport: 40000, Flags: frame.ACK, Seq: 5001, Ack: 1001}
	back := frame.Frame{Src: server4, Dst: client4, Proto: frame.ProtoTCP, L4: s.Bytes()}.Bytes()
	udp, answer := udpFrame(client4, server4, 1, 2, 30), udpFrame(server4, client4, 2, 1, 30)
	for _, c := range []struct {
		name        string
		begin       [][]byte
		there, back []byte
	}{
		{"TCP", append(tcp, back, there, back), there, back},
		{"UDP", [][]byte{udp.Bytes(), answer.Bytes()}, udp.Bytes(), answer.Bytes()},
	} {
		for _, by := range hooks {
			h.reset()
			for _, data := range c.begin {
				h.run(by, data)
			}
			for d, data := range [][]byte{c.there, c.back} {
				before := h.entries()[0]
				h.run(by, data)
				after := h.entries()[0]
				if after.Traffic(d).Packets != before.Traffic(d).Packets+1 {
					t.Errorf("%s, %s: %d packets of direction %d, then %d", by, c.name, before.Traffic(d).Packets, d, after.Traffic(d).Packets)
				}
				const line = 64
				was, is := (*[4][line]byte)(unsafe.Pointer(&before)), (*[4][line]byte)(unsafe.Pointer(&after))
				for i := range is {
					if changed := was[i] != is[i]; changed != (i == 2+d) {
						t.Errorf("%s, %s: a packet of direction %d changes line %d: %t", by, c.name, d, i, changed)
					}
				}
			}
		}
	}
}
