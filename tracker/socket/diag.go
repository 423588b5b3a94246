package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// ErrUnsupported means that the kernel cannot end sockets: it was built without
// CONFIG_INET_DIAG_DESTROY.
var ErrUnsupported = errors.New("this kernel ends no sockets (it lacks CONFIG_INET_DIAG_DESTROY)")

// The messages of linux/inet_diag.h and linux/sock_diag.h.
const (
	byFamily = 20 // SOCK_DIAG_BY_FAMILY
	destroy  = 21 // SOCK_DESTROY

	sizeofID      = 48
	sizeofRequest = 8 + sizeofID
	sizeofMessage = 4 + sizeofID + 20
	// The offsets of its parts in an id.
	offsetDst, offsetInterface, offsetCookie = 20, 36, 40

	attrInfo = 2 // INET_DIAG_INFO
	attrCong = 4 // INET_DIAG_CONG
)

// stateListen is the state of a socket that listens (net/tcp_states.h).
const stateListen = 10

// answerTime bounds the wait for the kernel, which answers at once.
var answerTime = unix.Timeval{Sec: 1}

// Diag is a connection to the kernel. It is for one goroutine. A nil Diag finds nothing.
type Diag struct {
	fd  int
	seq uint32
	buf [8192]byte
}

// Open connects to the kernel. The error is [ErrUnsupported] if that has no socket
// diagnostics.
func Open() (*Diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for sockets: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &answerTime); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("ask the kernel for sockets: %w", err)
	}
	return &Diag{fd: fd}, nil
}

// Close closes the connection.
func (d *Diag) Close() {
	if d != nil {
		_ = unix.Close(d.fd)
	}
}

// Socket is a TCP socket with two ends. Its cookie tells it from every other socket,
// earlier and later ones of the same tuple, too.
type Socket struct {
	family uint8
	id     [sizeofID]byte
	queued queues
	attrs  []byte
}

// queues are bytes that a socket has received and the program has not read, and bytes
// that the program has sent and the other end has not acknowledged.
type queues struct{ received, sent uint32 }

// Find returns the socket of a connection. ok is false if this network namespace has
// none. A socket may be bound to an interface, whose index is given.
func (d *Diag) Find(local, remote flow.End, index int) (s Socket, ok bool, err error) {
	if d == nil {
		return Socket{}, false, nil
	}
	s = Socket{family: unix.AF_INET, id: idOf(local, remote, index)}
	if local.Addr().Is6() {
		s.family = unix.AF_INET6
	}
	answer, err := d.ask(byFamily, 0, &s)
	if errors.Is(err, unix.ENOENT) {
		return Socket{}, false, nil
	}
	if err != nil {
		return Socket{}, false, fmt.Errorf("ask the kernel for the socket of %s: %w", local, err)
	}
	if len(answer) < sizeofMessage {
		return Socket{}, false, fmt.Errorf("ask the kernel for the socket of %s: an answer of %d bytes", local, len(answer))
	}
	// Without a connection, the kernel finds a socket that listens there.
	if answer[1] == stateListen || binary.BigEndian.Uint16(answer[6:]) != remote.Port() {
		return Socket{}, false, nil
	}
	// The answer of an IPv6 socket with an IPv4 connection has mapped addresses, by
	// which it is not found.
	copy(s.id[offsetCookie:], answer[4+offsetCookie:])
	s.queued = queues{binary.NativeEndian.Uint32(answer[56:]), binary.NativeEndian.Uint32(answer[60:])}
	s.attrs = append([]byte(nil), answer[sizeofMessage:]...)
	return s, true, nil
}

// Destroy ends a socket that Find has found: its program gets ECONNABORTED, and the
// other end a RST. ok is false if the socket is gone. The error is [ErrUnsupported] if
// the kernel cannot do that.
func (d *Diag) Destroy(s Socket) (ok bool, err error) {
	_, err = d.ask(destroy, unix.NLM_F_ACK, &s)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE):
		return false, nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return false, ErrUnsupported
	case err != nil:
		return false, fmt.Errorf("end a socket: %w", err)
	}
	return true, nil
}

// idOf returns the tuple of a socket, with no cookie.
func idOf(local, remote flow.End, index int) (id [sizeofID]byte) {
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:], local.Addr().AsSlice())
	copy(id[offsetDst:], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint32(id[offsetInterface:], uint32(index))
	binary.NativeEndian.PutUint64(id[offsetCookie:], ^uint64(0))
	return id
}

// ask sends a request about one socket and returns the answer, empty if it is only that
// the request was carried out.
func (d *Diag) ask(kind, flags uint16, s *Socket) ([]byte, error) {
	d.seq++
	message := make([]byte, unix.SizeofNlMsghdr+sizeofRequest)
	binary.NativeEndian.PutUint32(message[0:], uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], kind)
	binary.NativeEndian.PutUint16(message[6:], flags|unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(message[8:], d.seq)
	request := message[unix.SizeofNlMsghdr:]
	request[0], request[1] = s.family, unix.IPPROTO_TCP
	request[2] = 1<<(attrInfo-1) | 1<<(attrCong-1)
	binary.NativeEndian.PutUint32(request[4:], ^uint32(0)) // of any state
	copy(request[8:], s.id[:])
	if err := unix.Sendto(d.fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("send", err)
	}
	return d.receive()
}

// receive returns the answer to the last request.
func (d *Diag) receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(d.fd, d.buf[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("receive", err)
		}
		messages, err := syscall.ParseNetlinkMessage(d.buf[:n])
		if err != nil {
			return nil, os.NewSyscallError("receive", err)
		}
		for _, m := range messages {
			if m.Header.Seq != d.seq {
				continue // the answer to a request that was given up
			}
			if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
					return nil, unix.Errno(-code)
				}
				return nil, nil
			}
			return m.Data, nil
		}
	}
}
