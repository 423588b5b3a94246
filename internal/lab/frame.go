package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Frame is one Ethernet frame as read from a packet socket.
type Frame struct {
	Data     []byte    // from the destination address on, VLAN tags in their place
	Time     time.Time // when it was read
	Outgoing bool      // sent by the host itself
	// Unfinished means that the transport checksum holds only the sum of the
	// pseudo header: the sender left the rest to the card.
	Unfinished bool
}

// Capture reads the frames of a host's link in both directions.
type Capture struct {
	file *os.File
	buf  []byte
	oob  []byte
}

// Inject sends one Ethernet frame unchanged out of the host's link.
func (h *Host) Inject(frame []byte) error {
	file, err := h.packetSocket(0) // protocol 0: receives nothing
	if err != nil {
		return fmt.Errorf("inject from %s: %w", h.name, err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Write(frame); err != nil {
		return fmt.Errorf("inject from %s: %w", h.name, err)
	}
	return nil
}

// Capture starts to capture on the host's link. Frames are lost if 8 MB of them
// wait unread.
func (h *Host) Capture() (*Capture, error) {
	const queue = 8 << 20
	file, err := h.packetSocket(unix.ETH_P_ALL)
	if err != nil {
		return nil, fmt.Errorf("capture at %s: %w", h.name, err)
	}
	fd := int(file.Fd())
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queue),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetNonblock(fd, true), // Fd has made it blocking
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("capture at %s: set options: %w", h.name, err), file.Close())
	}
	return &Capture{file: file, buf: make([]byte, 1<<17), oob: make([]byte, 256)}, nil
}

// packetSocket opens an AF_PACKET socket bound to the host's link.
func (h *Host) packetSocket(protocol uint16) (file *os.File, err error) {
	link, err := h.inside.LinkByName(h.link)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", h.link, err)
	}
	err = h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
		file = os.NewFile(uintptr(fd), "packet socket at "+h.name)
		addr := &unix.SockaddrLinklayer{Protocol: bigEndian(protocol), Ifindex: link.Attrs().Index}
		if err := unix.Bind(fd, addr); err != nil {
			return errors.Join(fmt.Errorf("bind packet socket to %s: %w", h.link, err), file.Close())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

// bigEndian returns v in network order in memory.
func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// Close ends the capture and a waiting Next.
func (c *Capture) Close() error { return c.file.Close() }

// Next returns the next frame; it waits for one until ctx ends. Only one
// goroutine may call it at a time.
func (c *Capture) Next(ctx context.Context) (Frame, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for ctx.Err() == nil {
		frame, err := c.next()
		if err == nil {
			return frame, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return Frame{}, fmt.Errorf("capture: %w", err)
		}
		// Either ctx ended, or the deadline of an earlier call is left. The
		// loop checks ctx after the reset, so that its end is not missed.
		if err := c.file.SetReadDeadline(time.Time{}); err != nil {
			return Frame{}, fmt.Errorf("capture: %w", err)
		}
	}
	return Frame{}, fmt.Errorf("capture: %w", context.Cause(ctx))
}

// Waiting returns a frame that has arrived and was not read yet. ok is false if there is
// none, or the capture has ended.
func (c *Capture) Waiting() (frame Frame, ok bool) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return Frame{}, false
	}
	err = raw.Control(func(fd uintptr) {
		var received error
		frame, received = c.receive(int(fd))
		ok = received == nil
	})
	return frame, ok && err == nil
}

// Short has the capture pass over frames that are longer from now on, so that bulk data
// takes no room in its queue.
func (c *Capture) Short(bytes uint32) error {
	const loadLength, jumpGreater, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_LEN, unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	code := []unix.SockFilter{
		{Code: loadLength}, {Code: jumpGreater, K: bytes, Jt: 1}, {Code: answer, K: 1 << 17}, {Code: answer},
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("filter a capture: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("filter a capture: %w", err)
	}
	return nil
}

func (c *Capture) next() (frame Frame, err error) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return Frame{}, err
	}
	var received error
	err = raw.Read(func(fd uintptr) bool {
		frame, received = c.receive(int(fd))
		return !errors.Is(received, unix.EAGAIN)
	})
	if err != nil {
		return Frame{}, err
	}
	return frame, received
}

func (c *Capture) receive(fd int) (Frame, error) {
	n, oobn, _, from, err := unix.Recvmsg(fd, c.buf, c.oob, 0)
	if err != nil {
		return Frame{}, err
	}
	frame := Frame{Data: slices.Clone(c.buf[:n]), Time: time.Now()}
	if addr, ok := from.(*unix.SockaddrLinklayer); ok {
		frame.Outgoing = addr.Pkttype == unix.PACKET_OUTGOING
	}
	messages, err := unix.ParseSocketControlMessage(c.oob[:oobn])
	if err != nil {
		return Frame{}, fmt.Errorf("parse control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA &&
			len(m.Data) >= int(unsafe.Sizeof(auxdata{})) {
			frame.apply((*auxdata)(unsafe.Pointer(&m.Data[0])))
		}
	}
	return frame, nil
}

// auxdata is struct tpacket_auxdata of linux/if_packet.h.
type auxdata struct {
	Status           uint32
	Length, Captured uint32
	MAC, Net         uint16
	VLAN, VLANType   uint16
}

// Bits of auxdata.Status, ibidem.
const (
	statusChecksumNotReady = 1 << 3
	statusVLANValid        = 1 << 4
	statusVLANTypeValid    = 1 << 6
)

// apply restores a VLAN tag that the kernel removed from the frame.
func (f *Frame) apply(aux *auxdata) {
	const addresses = 12 // bytes
	f.Unfinished = aux.Status&statusChecksumNotReady != 0
	if aux.Status&statusVLANValid == 0 || len(f.Data) < addresses {
		return
	}
	kind := uint16(unix.ETH_P_8021Q)
	if aux.Status&statusVLANTypeValid != 0 {
		kind = aux.VLANType
	}
	tag := binary.BigEndian.AppendUint16(nil, kind)
	tag = binary.BigEndian.AppendUint16(tag, aux.VLAN)
	f.Data = slices.Insert(f.Data, addresses, tag...)
}
