package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/frame"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// A connection that is routed through an interface without a link header ends at both
// ends. Its far end is played here.
func TestResetTun(t *testing.T) {
	r := newRouter(t, "")
	wire := newTun(t, "tun7", "10.7.0.1/24")
	tr, err := tracker.Open(r.ctx, tracker.Options{Watch: true, Interfaces: []string{"tun7"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	far := netip.MustParseAddrPort("10.7.0.2:80")
	dialled := make(chan net.Conn, 1)
	go func() {
		conn, err := r.Client.Dial(r.ctx, "tcp", far.String())
		if err != nil {
			t.Error(err)
		}
		dialled <- conn
	}()
	syn := nextSegment(t, wire, segment{})
	const first = 5000
	reply := frame.Frame{Src: far.Addr(), Dst: r.Client.Addr4(), Proto: frame.ProtoTCP, L4: frame.Segment{
		Sport: far.Port(), Dport: syn.port, Flags: frame.SYN | frame.ACK, Seq: first, Ack: syn.seq + 1, Window: 60000,
	}.Bytes()}
	if _, err := wire.Write(reply.Packet()); err != nil {
		t.Fatal(err)
	}
	client := <-dialled
	if client == nil {
		t.FailNow()
	}
	defer client.Close()
	ack := nextSegment(t, wire, syn)
	if ack.flags != frame.ACK {
		t.Fatalf("%+v is no ACK", ack)
	}
	dead := deaths(t, map[error][]net.Conn{unix.ECONNRESET: {client}})
	s, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Flows {
		if f.Tuple.Dst.String() != far.String() {
			continue
		}
		if outcome, err := tr.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
			t.Errorf("%+v, %v", outcome, err)
		}
	}
	if rst := nextSegment(t, wire, ack); rst.flags&frame.RST == 0 || rst.seq != syn.seq+1 || rst.ack != first+1 || rst.port != syn.port {
		t.Errorf("%+v is no RST of the client's, after %+v", rst, syn)
	}
	t.Logf("dead after %s", dead())
}

// newTun makes a tun device that is up, until the test ends. Its packets are those of the
// file.
func newTun(t *testing.T, name string, prefixes ...string) *os.File {
	t.Helper()
	tun := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI, Queues: 1}
	if err := netlink.LinkAdd(tun); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(tun); _ = tun.Fds[0].Close() })
	for _, p := range prefixes {
		addAddresses(t, name, netip.MustParsePrefix(p))
	}
	if err := netlink.LinkSetUp(tun); err != nil {
		t.Fatal(err)
	}
	return tun.Fds[0]
}

// segment is what a test looks at of a TCP segment over IPv4.
type segment struct {
	port     uint16
	seq, ack uint32
	flags    uint8
}

// nextSegment waits for the next TCP segment that leaves by a tun device, but for the one
// before it: who has no answer within a second sends it again.
func nextSegment(t *testing.T, wire *os.File, before segment) segment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	found := make(chan segment, 1)
	go func() {
		for buf := make([]byte, 2048); ; {
			n, err := wire.Read(buf)
			if errors.Is(err, io.EOF) || err != nil && !errors.Is(err, unix.EAGAIN) {
				return
			}
			const l4 = 20
			if n < l4+20 || buf[0] != 0x45 || buf[9] != frame.ProtoTCP {
				time.Sleep(time.Millisecond)
				continue
			}
			next := segment{
				binary.BigEndian.Uint16(buf[l4:]), binary.BigEndian.Uint32(buf[l4+4:]), binary.BigEndian.Uint32(buf[l4+8:]), buf[l4+13],
			}
			if next != before {
				found <- next
				return
			}
		}
	}()
	select {
	case s := <-found:
		return s
	case <-ctx.Done():
		t.Fatal("no segment leaves")
	}
	return segment{}
}
