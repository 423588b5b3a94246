package bpf

import (
	"net/netip"
	"testing"
	"time"

	"ctop/internal/frame"
)

// A packet may read its clock before another CPU makes the entry that the packet
// finds: such an entry is new, not too old.
func TestEntriesOfALaterClock(t *testing.T) {
	h := newHarness(t, setup{})
	first := udpFrame(client4, server4, 1, 2, 600)
	h.expect(hookXDP, piece{0, 400, false, ""}.of(first), "new")
	h.config.InjectedNs -= uint64(time.Microsecond)
	h.configure()
	h.expect(hookXDP, piece{400, 608, true, ""}.of(first), "new")

	h.reset()
	send := func(src, dst netip.Addr, seq, ack uint32, flags uint8, want string) {
		h.t.Helper()
		h.expect(hookXDP, tcpFrame(src, dst, frame.Segment{Seq: seq, Ack: ack, Flags: flags}), want)
	}
	send(client4, server4, 1000, 0, frame.SYN, "new")
	send(server4, client4, 5000, 1001, frame.SYN|frame.ACK, "established")
	send(client4, server4, 1001, 5001, frame.ACK, "established")
	send(client4, server4, 1001, 5001, frame.RST, "established")
	h.config.InjectedTicks--
	h.configure()
	send(server4, client4, 5001, 1001, frame.FIN|frame.ACK, "established")
	h.expectFlows(0)
}
