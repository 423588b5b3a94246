package e2e

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

const (
	// floodSources are the addresses reserved for benchmarks (RFC 2544).
	floodSources = "198.18.0.0/15"
	// floodRate is the number of frames that a paced flood sends in a second:
	// about half of the small table within 200 ms. After a pause of its process it
	// sends at most floodBurst at once.
	floodRate, floodBurst = 12000, 512
)

// flood is one kind of attack.
type flood struct {
	name string
	// answered means that the server's kernel answers the flood.
	answered bool
	// fills means that it fills the table. refused means that it does not under
	// enforce, which requires a SYN.
	fills, refused bool
	// eases means that its flows leave the table within seconds.
	eases bool
	// always are the policies of every test run.
	always []flow.Policy
	// frame builds the next packet.
	frame func(w *wire) []byte
}

var both = []flow.Policy{flow.PolicyObserve, flow.PolicyEnforce}

var floods = []flood{
	{name: "SYN", fills: true, eases: true, always: both, frame: func(w *wire) []byte {
		return w.tcp(w.source(), portDiscard, 0x02)
	}},
	{name: "answered SYN", fills: true, eases: true, answered: true, always: both[:1], frame: func(w *wire) []byte {
		return w.tcp(w.source(), w.open, 0x02)
	}},
	{name: "one-way UDP", fills: true, frame: func(w *wire) []byte {
		return w.ipv4(w.source(), unix.IPPROTO_UDP, 0, udpHeader(portDiscard))
	}},
	{name: "ACK", fills: true, refused: true, always: both[1:], frame: func(w *wire) []byte {
		return w.tcp(w.source(), portDiscard, 0x10)
	}},
	{name: "port scan", answered: true, frame: func(w *wire) []byte {
		w.scanned++
		return w.tcp([4]byte{198, 18, 0, 1}, w.scanned, 0x02)
	}},
	{name: "fragments", fills: true, frame: func(w *wire) []byte {
		const more, second = 1 << 13, 1
		offset := uint16(more)
		if w.scanned++; w.scanned%2 == 0 {
			offset = second
		}
		return w.ipv4(w.source(), unix.IPPROTO_UDP, offset, udpHeader(portDiscard))
	}},
}

const portDiscard = 9

// wire builds frames from the client to the server, all in the same memory.
type wire struct {
	from, to net.HardwareAddr
	dst      [4]byte
	listener net.Listener
	open     uint16 // where it listens
	scanned  uint16
	buf      []byte
}

// source returns a random source of the flood.
func (w *wire) source() [4]byte {
	n := rand.Uint32()
	return [4]byte{198, 18 | byte(n>>16&1), byte(n >> 8), byte(n)}
}

func (w *wire) tcp(src [4]byte, port uint16, flags byte) []byte {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h, uint16(rand.Uint32())|1024)
	binary.BigEndian.PutUint16(h[2:], port)
	binary.BigEndian.PutUint32(h[4:], rand.Uint32())
	if flags&0x10 != 0 {
		binary.BigEndian.PutUint32(h[8:], rand.Uint32())
	}
	h[12], h[13] = 0x50, flags
	binary.BigEndian.PutUint16(h[14:], 0xffff)
	pseudo := append(append(append(make([]byte, 0, 32), src[:]...), w.dst[:]...), 0, unix.IPPROTO_TCP, 0, 20)
	binary.BigEndian.PutUint16(h[16:], internetChecksum(append(pseudo, h...)))
	return w.ipv4(src, unix.IPPROTO_TCP, 0, h)
}

// udpHeader returns the header of an empty datagram from a random port, without
// a checksum.
func udpHeader(port uint16) []byte {
	h := make([]byte, 8)
	binary.BigEndian.PutUint16(h, uint16(rand.Uint32())|1024)
	binary.BigEndian.PutUint16(h[2:], port)
	h[5] = 8
	return h
}

func (w *wire) ipv4(src [4]byte, proto byte, fragment uint16, payload []byte) []byte {
	b := append(append(w.buf[:0], w.to...), w.from...)
	b = append(b, 0x08, 0x00, 0x45, 0, 0, byte(20+len(payload)))
	b = binary.BigEndian.AppendUint16(b, uint16(rand.Uint32()))
	b = binary.BigEndian.AppendUint16(b, fragment)
	b = append(b, 64, proto, 0, 0)
	b = append(append(b, src[:]...), w.dst[:]...)
	binary.BigEndian.PutUint16(b[24:], internetChecksum(b[14:34]))
	w.buf = append(b, payload...)
	return w.buf
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

// send sends the flood until ctx is done: as fast as the cable accepts it, or,
// with frames that it sends at least, at the floodRate.
func (f flood) send(ctx context.Context, t *testing.T, r *rig, paced int) (sent int) {
	w, socket, err := newWire(ctx, r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = unix.Close(socket) }()
	defer w.close()
	write := func() {
		// An error means that the queue is full, as intended.
		_, _ = unix.Write(socket, f.frame(w))
		sent++
	}
	if paced == 0 {
		for ctx.Err() == nil {
			write()
		}
		return sent
	}
	for last := time.Now(); r.ctx.Err() == nil && (ctx.Err() == nil || sent < paced); {
		wait(r.ctx, time.Millisecond)
		now := time.Now()
		due := int(now.Sub(last).Seconds() * floodRate)
		last = now
		for range min(due, floodBurst) {
			write()
		}
	}
	return sent
}

func newWire(ctx context.Context, r *rig) (w *wire, socket int, err error) {
	w = &wire{dst: r.Server.Addr4().As4()}
	if w.from, err = r.Client.MAC(); err != nil {
		return nil, 0, err
	}
	if w.to, err = r.Server.MAC(); err != nil {
		return nil, 0, err
	}
	w.listener, err = r.Server.Listen(ctx, "tcp", r.Server.Addr4().String()+":0")
	if err != nil {
		return nil, 0, err
	}
	w.open = uint16(w.listener.Addr().(*net.TCPAddr).Port)
	if socket, err = packetSocket(r.Client); err != nil {
		w.close()
	}
	return w, socket, err
}

func (w *wire) close() { _ = w.listener.Close() }

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
