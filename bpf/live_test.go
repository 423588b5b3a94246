package bpf

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// chaos reports whether the long tests are requested, as by make chaos.
func chaos() bool { return os.Getenv("CTOP_CHAOS") != "" }

// longer returns how often something is done, by default and in the long tests.
func longer(usual, long uint64) uint64 {
	if chaos() {
		return long
	}
	return usual
}

// live is two hosts whose frames come in by real links, one for each side.
type live struct {
	t       *testing.T
	ports   [2]*net.Interface
	sockets [2]int
}

func newLive(t *testing.T) *live {
	t.Helper()
	l, err := lab.New(t.Context(), lab.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, l.Close()) })
	v := &live{t: t}
	for side, host := range []*lab.Host{l.Client, l.Server} {
		v.ports[side], err = net.InterfaceByName(host.Port())
		ok(t, err)
		v.sockets[side], err = packetSocket(host)
		ok(t, err)
		t.Cleanup(func() { _ = unix.Close(v.sockets[side]) })
	}
	return v
}

// packetSocket opens a socket that sends frames out of a host's link, past its queue.
func packetSocket(host *lab.Host) (fd int, err error) {
	const bypass = 20 // PACKET_QDISC_BYPASS, linux/if_packet.h
	err = host.Do(func() error {
		inside, err := net.InterfaceByName(host.Link())
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: inside.Index}),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, bypass, 1))
	})
	return fd, err
}

// send sends a frame from the host of a side. Links and queues may drop it.
func (v *live) send(side int, data []byte) error {
	_, err := unix.Write(v.sockets[side], data)
	if errors.Is(err, unix.ENOBUFS) {
		return nil
	}
	return err
}

// urgently keeps the goroutine on a CPU, ahead of the machine's other work, until release
// is called: two that are to do something at the same moment have to run at once.
func urgently(t testing.TB, cpu int) (release func()) {
	t.Helper()
	free := onCPU(t, cpu)
	thread := unix.Gettid()
	_ = unix.Setpriority(unix.PRIO_PROCESS, thread, -20) // it is only slower without
	return func() {
		_ = unix.Setpriority(unix.PRIO_PROCESS, thread, 0)
		free()
	}
}
