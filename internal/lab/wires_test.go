package lab_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// sent returns how many bytes an interface of the middle has sent.
func sent(t *testing.T, name string) uint64 {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Attrs().Statistics.TxBytes
}

// Connections go by the wire that is told, and go on by the other one, in each direction.
func TestWires(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	w, err := l.SecondWire("veth3", "veth4")
	if err != nil {
		t.Fatal(err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br1"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(bridge) })
	for _, name := range []string{"veth3", "veth4"} {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetMaster(link, bridge)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"10.0.0.2:7000", "[fd00::2]:7000"} {
		listener, err := l.Server.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := listener.Accept(); err == nil {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}
			_ = listener.Close()
		}()
		var c net.Conn
		if c, err = l.Client.Dial(t.Context(), "tcp", address); err != nil {
			t.Fatal(err)
		}
		for _, way := range [][2]int{{0, 0}, {1, 1}, {0, 1}, {1, 0}, {0, 0}} {
			if err := w.Use(way[0], way[1]); err != nil {
				t.Fatal(err)
			}
			before := [2][2]uint64{{sent(t, "veth2"), sent(t, "veth4")}, {sent(t, "veth1"), sent(t, "veth3")}}
			text := make([]byte, 64<<10)
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			go func() { _, _ = c.Write(text) }() // what does not come back is found
			if _, err := io.ReadFull(c, make([]byte, len(text))); err != nil {
				t.Fatalf("%s by %v: %v", address, way, err)
			}
			after := [2][2]uint64{{sent(t, "veth2"), sent(t, "veth4")}, {sent(t, "veth1"), sent(t, "veth3")}}
			for d, wire := range way {
				if after[d][wire] < before[d][wire]+uint64(len(text)) {
					t.Errorf("%s by %v: direction %d sent %d bytes by its wire", address, way, d, after[d][wire]-before[d][wire])
				}
			}
		}
		_ = c.Close()
	}
}

// A private directory is one, and is gone once it is closed.
func TestPrivateDir(t *testing.T) {
	lab.Require(t)
	dir, closing, err := lab.PrivateDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
	if err := closing(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is still there")
	}
}
