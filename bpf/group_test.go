package bpf

import (
	"net/netip"
	"testing"

	"ctop/internal/frame"
)

// Answers to an echo request to a group are related to its flow: several, from the
// other side, while the flow exists.
func TestEchoToAGroup(t *testing.T) {
	h := newHarness(t, setup{})
	for _, tt := range []struct {
		asker, group    string
		hosts           [2]string
		proto           uint8
		request, answer uint8
	}{
		{"10.0.0.1", "224.0.0.1", [2]string{"10.0.0.7", "10.0.0.8"}, frame.ProtoICMP, 8, 0},
		{"10.0.0.9", "10.0.0.255", [2]string{"10.0.0.7", "10.0.0.8"}, frame.ProtoICMP, 8, 0},
		{"fd00::9", "ff02::1", [2]string{"fd00::7", "fd00::8"}, frame.ProtoICMPv6, 128, 129},
	} {
		asker, group := netip.MustParseAddr(tt.asker), netip.MustParseAddr(tt.group)
		request := frame.Frame{Src: asker, Dst: group, Proto: tt.proto, L4: frame.ICMP(tt.request, 0, 77, 56)}.Bytes()
		request[0] |= 1 // the frame is for a group, too
		for _, by := range hooks {
			h.reset()
			h.enforce(true)
			answer := func(from string, id uint16) []byte {
				return frame.Frame{Src: netip.MustParseAddr(from), Dst: asker, Proto: tt.proto, L4: frame.ICMP(tt.answer, 0, id, 56)}.Bytes()
			}
			h.come(0)
			h.expect(by, request, "new")
			h.expect(by, answer(tt.hosts[0], 77), "invalid/icmp")
			h.come(1)
			h.expect(by, answer(tt.hosts[0], 78), "invalid/icmp")
			for _, host := range tt.hosts {
				h.expect(by, answer(host, 77), "related")
			}
			h.expectFlows(1)
			for _, f := range h.table() {
				if f.Reply.Others != 2 {
					t.Errorf("%s: %d answers", by, f.Reply.Others)
				}
			}
			h.wait(timeouts[ConntrackTimeoutTIMEOUT_ICMP])
			h.sweep(ConntrackSweepArgs{})
			h.expect(by, answer(tt.hosts[0], 77), "invalid/icmp")
		}
	}
}

// Forged requests from the side of the answers do not make these invalid: neither with
// the same identifier, nor with so many others that the map evicts its entry.
func TestForgedEchoToAGroup(t *testing.T) {
	h := newHarness(t, setup{})
	asker, group, host := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("10.0.0.7")
	request := func(id uint16) []byte {
		b := frame.Frame{Src: asker, Dst: group, Proto: frame.ProtoICMP, L4: frame.ICMP(8, 0, id, 56)}.Bytes()
		b[0] |= 1 // the frame is for a group, too
		return b
	}
	answer := frame.Frame{Src: host, Dst: asker, Proto: frame.ProtoICMP, L4: frame.ICMP(0, 0, 77, 56)}.Bytes()
	for _, by := range hooks {
		h.reset()
		h.enforce(true)
		h.come(1)
		h.expect(by, request(77), "new")
		h.come(0)
		h.expect(by, request(77), "new")
		h.come(1)
		h.expect(by, answer, "related")
		h.expect(by, request(77), "new")
		h.expect(by, answer, "related")
		for id := range uint16(20000) {
			h.run(by, request(1000+id))
		}
		h.expect(by, answer, "invalid/icmp")
		h.come(0)
		h.expect(by, request(77), "new")
		h.come(1)
		h.expect(by, answer, "related")
	}
}
