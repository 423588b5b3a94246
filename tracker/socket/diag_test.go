package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

const waitTimeout = time.Minute

func open(t *testing.T) *Diag {
	t.Helper()
	lab.Require(t)
	d, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// pair returns both ends of a connection to an address of this machine.
func pair(t *testing.T, listener net.Listener, dialer *net.Dialer) (client, server *net.TCPConn) {
	t.Helper()
	c, err := dialer.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func endOf(a net.Addr) flow.End {
	addr := netip.MustParseAddrPort(a.String())
	return flow.EndFrom(addr.Addr().Unmap(), addr.Port())
}

// find finds the socket of a connection's end.
func find(t *testing.T, d *Diag, c net.Conn, index int) (Socket, bool) {
	t.Helper()
	s, ok, err := d.Find(endOf(c.LocalAddr()), endOf(c.RemoteAddr()), index)
	if err != nil {
		t.Fatal(err)
	}
	return s, ok
}

// control runs what needs a connection's descriptor.
func control(t *testing.T, c syscall.Conn, run func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if failed := raw.Control(func(fd uintptr) { err = run(int(fd)) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
}

// ended waits until a connection's program is told that it ended, and returns how.
func ended(t *testing.T, c net.Conn) error {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(waitTimeout))
	_, err := c.Read(make([]byte, 1))
	return err
}

// Each end of a connection is found, of IPv4, IPv6, and of IPv4 at a socket of IPv6. The
// kernel answers an ended one's program and the other end.
func TestFindAndDestroy(t *testing.T) {
	d := open(t)
	for _, at := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", ""}, {"tcp6", "[::1]:0", ""}, {"tcp", "[::]:0", "127.0.0.1"},
	} {
		l := listen(t, at.network, at.listen)
		if at.dial != "" {
			l = dialed{l, at.dial}
		}
		client, server := pair(t, l, &net.Dialer{})
		for _, c := range []net.Conn{client, server} {
			if _, ok := find(t, d, c, 0); !ok {
				t.Errorf("%v: the socket of %s is not found", at, c.LocalAddr())
			}
		}
		s, _ := find(t, d, server, 0)
		if ok, err := d.Destroy(s); !ok || err != nil {
			t.Fatalf("%v: ended: %v, %v", at, ok, err)
		}
		if err := ended(t, server); !errors.Is(err, unix.ECONNABORTED) {
			t.Errorf("%v: the program is told %v", at, err)
		}
		if err := ended(t, client); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%v: the other end is told %v", at, err)
		}
		if ok, err := d.Destroy(s); ok || err != nil {
			t.Errorf("%v: ended again: %v, %v", at, ok, err)
		}
		if _, ok := find(t, d, server, 0); ok {
			t.Errorf("%v: it is found after its end", at)
		}
	}
}

// dialed is a listener that is dialed at another address.
type dialed struct {
	net.Listener
	addr string
}

func (d dialed) Addr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(d.addr), Port: d.Listener.Addr().(*net.TCPAddr).Port}
}

// A socket that only listens is not that of a connection, nor is one of other ends.
func TestFindNone(t *testing.T) {
	d := open(t)
	l := listen(t, "tcp4", "127.0.0.1:0")
	client, server := pair(t, l, &net.Dialer{})
	here, there := endOf(server.LocalAddr()), endOf(client.LocalAddr())
	other := flow.EndFrom(netip.MustParseAddr("127.0.0.2"), there.Port())
	next := flow.EndFrom(there.Addr(), there.Port()^2) // of the client's parity: the listener's is the other one
	for _, ends := range [][2]flow.End{{here, other}, {here, next}, {other, there}, {next, there}} {
		if _, ok, err := d.Find(ends[0], ends[1], 0); ok || err != nil {
			t.Errorf("%v: found %v, %v", ends, ok, err)
		}
	}
	var none *Diag
	if _, ok, err := none.Find(here, there, 0); ok || err != nil {
		t.Errorf("without the kernel: %v, %v", ok, err)
	}
	none.Close()
}

// A socket that is bound to an interface is found by its index.
func TestFindBound(t *testing.T) {
	d := open(t)
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "lo") })
		return errors.Join(failed, err)
	}}
	client, _ := pair(t, listen(t, "tcp4", "127.0.0.1:0"), &dialer)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := find(t, d, client, lo.Index); !ok {
		t.Error("it is not found at its interface")
	}
	if _, ok := find(t, d, client, lo.Index+1); ok {
		t.Error("it is found at another interface")
	}
}

// A connection that follows with the same ends is another one: it stays.
func TestDestroyNoOther(t *testing.T) {
	d := open(t)
	l := listen(t, "tcp4", "127.0.0.1:0")
	client, server := pair(t, l, &net.Dialer{})
	old, ok := find(t, d, client, 0)
	if !ok {
		t.Fatal("the first one is not found")
	}
	from := client.LocalAddr()
	if err := errors.Join(client.SetLinger(0), client.Close()); err != nil { // it is reset: nothing of it stays
		t.Fatal(err)
	}
	_ = ended(t, server)
	_ = server.Close()
	next, far := pair(t, l, &net.Dialer{LocalAddr: from})
	if ok, err := d.Destroy(old); ok || err != nil {
		t.Errorf("ended: %v, %v", ok, err)
	}
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, next); err != nil {
		t.Errorf("the connection that follows: %v", err)
	}
}

// The numbers are those that the kernel gives the program of the socket.
func TestFactsOfAConnection(t *testing.T) {
	d := open(t)
	client, server := pair(t, listen(t, "tcp4", "127.0.0.1:0"), &net.Dialer{})
	if _, err := client.Write(make([]byte, 12_345)); err != nil {
		t.Fatal(err)
	}
	control(t, client, func(fd int) error { return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") })
	var info *unix.TCPInfo
	for deadline := time.Now().Add(waitTimeout); ; {
		control(t, client, func(fd int) (err error) {
			info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			return err
		})
		if info.Unacked == 0 && info.Bytes_acked > 12_345 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is never acknowledged: %+v", info)
		}
	}
	s, _ := find(t, d, client, 0)
	f := s.Facts()
	if f.Congestion != "reno" || f.CWnd != info.Snd_cwnd || f.MSS != info.Snd_mss || f.Acknowledged != info.Bytes_acked ||
		f.SRTT != time.Duration(info.Rtt)*time.Microsecond || f.RTO != time.Duration(info.Rto)*time.Microsecond || f.Unread != 0 || f.Unacknowledged != 0 {
		t.Errorf("the sender's socket is %+v, want %+v", f, info)
	}
	s, _ = find(t, d, server, 0)
	if f := s.Facts(); f.Unread != 12_345 || f.Received != 12_345 || f.Unacknowledged != 0 {
		t.Errorf("the receiver's socket is %+v", f)
	}
	// The receiver reads no more: the rest waits at the sender.
	for deadline := time.Now().Add(waitTimeout); ; {
		_ = client.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = client.Write(make([]byte, 1<<26))
		before := queued(t, client)
		s, _ = find(t, d, client, 0)
		got := s.Facts().Unacknowledged
		after := queued(t, client)
		if before == after && before > 0 { // nothing was acknowledged meanwhile
			if got != before {
				t.Errorf("%d bytes wait at the sender, want %d", got, before)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes wait at the sender, and then %d", before, after)
		}
	}
}

// queued returns how many bytes a sender's kernel keeps until they are acknowledged.
func queued(t *testing.T, c *net.TCPConn) (n uint32) {
	t.Helper()
	control(t, c, func(fd int) error {
		bytes, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		n = uint32(bytes)
		return err
	})
	return n
}
