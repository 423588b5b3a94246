package e2e

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
)

const (
	floodTable = 4096
	floodTime  = 5 * time.Second
	// floodBurst frames are sent in a millisecond: as many as the ring of a
	// veth takes, so that the table is tried and not the cable.
	floodBurst = 64
	// handshakes are tried while the flood lasts.
	handshakes = 200
	// established connections talk while the flood lasts.
	established = 100
)

// synFrame is a SYN from a random address to the server's discard port.
func synFrame(frame []byte, from, to net.HardwareAddr, dst [4]byte) []byte {
	frame = append(frame[:0], to...)
	frame = append(frame, from...)
	frame = append(frame, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0)
	frame = binary.BigEndian.AppendUint32(frame, 0x0a000000|rand.Uint32()&0x00ffff00|0xc8)
	frame = append(frame, dst[:]...)
	ip := frame[14:]
	binary.BigEndian.PutUint16(ip[10:], internetChecksum(ip))
	frame = binary.BigEndian.AppendUint16(frame, uint16(rand.Uint32()))
	frame = binary.BigEndian.AppendUint16(frame, 9)
	frame = binary.BigEndian.AppendUint32(frame, rand.Uint32())
	return append(frame, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0)
}

func internetChecksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// A flood of SYNs from random sources fills the table with flows that proved
// nothing. Connections that are there stay and talk on, and new ones are made,
// in both policies.
func TestSYNFlood(t *testing.T) {
	for _, policy := range []tracker.Policy{tracker.PolicyObserve, tracker.PolicyEnforce} {
		t.Run(policy.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Policy: policy, MaxFlows: floodTable})
			conns := connectAll(t, r)
			ctx, cancel := context.WithTimeout(r.ctx, floodTime)
			defer cancel()
			sent := make(chan int, 1)
			go func() { sent <- flood(ctx, t, r) }()
			slow := 0
			for i := 0; ctx.Err() == nil; i++ {
				if i < handshakes && !shakesHands(t, r) {
					slow++
				}
				c := conns[i%len(conns)]
				say(t, c[0], c[1], "still here")
			}
			t.Logf("%d SYNs, %d slow handshakes", <-sent, slow)
			if slow > handshakes/100 {
				t.Errorf("%d of %d handshakes needed more than one SYN", slow, handshakes)
			}
			checkFlood(t, r, conns)
		})
	}
}

func connectAll(t *testing.T, r *rig) (conns [][2]net.Conn) {
	t.Helper()
	for range established {
		client, server := r.connect(r.Server.Addr4())
		conns = append(conns, [2]net.Conn{client, server})
	}
	r.eventually("all connections established", func() bool {
		n := 0
		for _, f := range r.flows("tcp") {
			if f.State == tracker.StateEstablished {
				n++
			}
		}
		return n == established
	})
	return conns
}

func flood(ctx context.Context, t *testing.T, r *rig) (sent int) {
	from, err := r.Client.MAC()
	if err != nil {
		t.Error(err)
		return 0
	}
	to, err := r.Server.MAC()
	if err != nil {
		t.Error(err)
		return 0
	}
	socket, err := packetSocket(r.Client)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = unix.Close(socket) }()
	var frame []byte
	for ; ctx.Err() == nil; sent++ {
		frame = synFrame(frame, from, to, r.Server.Addr4().As4())
		// An error means that the queue is full, which is the aim.
		_, _ = unix.Write(socket, frame)
		if sent%floodBurst == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return sent
}

// packetSocket opens a socket that sends whole frames out of the host's link.
func packetSocket(h *lab.Host) (socket int, err error) {
	err = h.Do(func() error {
		link, err := net.InterfaceByName(h.Link())
		if err != nil {
			return err
		}
		socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: link.Index})
	})
	return socket, err
}

// shakesHands opens a connection, and reports whether its first SYN sufficed:
// the second comes after a second.
func shakesHands(t *testing.T, r *rig) bool {
	t.Helper()
	const enough = 900 * time.Millisecond
	listener, err := r.Server.Listen(r.ctx, "tcp", netip.AddrPortFrom(r.Server.Addr4(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(r.ctx, enough)
	defer cancel()
	client, err := r.Client.Dial(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return false
	}
	_ = client.Close()
	return true
}

func checkFlood(t *testing.T, r *rig, conns [][2]net.Conn) {
	t.Helper()
	ended := map[string]tracker.Event{}
	for _, e := range r.log() {
		if e.Type == tracker.EventDestroy {
			ended[e.Tuple.Src.String()] = e
		}
	}
	for _, c := range conns {
		if e, ok := ended[c[0].LocalAddr().String()]; ok {
			t.Errorf("%v ended: %v", e.Tuple, e.Reason)
		}
		say(t, c[0], c[1], "after the flood")
	}
	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c := s.Counters
	t.Logf("evicted %d, table full %d, lost events %d", c.Destroyed[tracker.ReasonEvicted], c.TableFull, c.EventsLost)
	if c.Destroyed[tracker.ReasonEvicted] == 0 {
		t.Error("nothing was evicted: the flood did not fill the table")
	}
	if c.FlowsCreated != c.FlowsDestroyed+uint64(len(s.Flows)) {
		t.Errorf("created %d, destroyed %d, present %d", c.FlowsCreated, c.FlowsDestroyed, len(s.Flows))
	}
	if _, err := lab.Ping(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Error(err)
	}
}
