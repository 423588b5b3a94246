package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// shared are sockets that several may have of one port.
var shared = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (failed error) {
	err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	return errors.Join(err, failed)
}}

// tells answers everybody with the program's name, at a port that others have, too.
func tells(network, address string) (at string, err error) {
	name := filepath.Base(os.Args[0])
	if network == "udp4" {
		p, err := shared.ListenPacket(context.Background(), network, address)
		if err != nil {
			return "", err
		}
		go func() {
			for buf := make([]byte, 100); ; {
				if _, from, err := p.ReadFrom(buf); err == nil {
					_, _ = p.WriteTo([]byte(name), from)
				}
			}
		}()
		return p.LocalAddr().String(), nil
	}
	l, err := shared.Listen(context.Background(), network, address)
	if err != nil {
		return "", err
	}
	go acceptAll(l, func(c net.Conn) {
		_, _ = io.WriteString(c, name)
		go func() { _, _ = io.Copy(io.Discard, c) }()
	})
	return l.Addr().String(), nil
}

// Several programs have sockets of one port (SO_REUSEPORT): each connection, and each
// exchange of datagrams, has the name of who answers it.
func TestWhoSharedPort(t *testing.T) {
	for _, network := range []string{"tcp4", "udp4"} {
		t.Run(network, func(t *testing.T) {
			n := newWatcher(t)
			at := place(n.here, 0)
			for i := range 4 {
				if i == 2 {
					n.watch() // two are older, two are younger
				}
				at = n.actor(nil, fmt.Sprintf("sharing%d", i), "tell", network, at).hears()
			}
			answers := map[string]string{} // by the client's port
			said := map[string]int{}
			for range 40 {
				c, err := n.Client.Dial(n.rig.ctx, network, at)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := c.Write([]byte("who")); err != nil {
					t.Fatal(err)
				}
				_ = c.SetReadDeadline(time.Now().Add(waitTimeout))
				buf := make([]byte, 100)
				got, err := c.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				name := string(buf[:got])
				answers[portOf(t, c.LocalAddr().String())] = name
				said[name]++
			}
			if len(said) < 2 {
				t.Fatalf("only %v answered", said)
			}
			for port, name := range answers {
				n.owned(network[:3], port, name, flow.Reply)
			}
			t.Logf("answered: %v", said)
		})
	}
}
