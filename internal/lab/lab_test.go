package lab_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

// newLab builds a lab for one test.
func newLab(t *testing.T, o lab.Options) *lab.Lab {
	t.Helper()
	lab.Require(t)
	l, err := lab.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// linkNames returns the links of the process's own namespace.
func linkNames(t *testing.T) (names []string) {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		names = append(names, link.Attrs().Name)
	}
	return names
}

func TestNewMakesWhatIPLinkAddMakes(t *testing.T) {
	l := newLab(t, lab.Options{})
	for _, name := range []string{"veth1", "veth2"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if link.Type() != "veth" || link.Attrs().Flags&net.FlagUp == 0 || link.Attrs().MTU != 1500 {
			t.Errorf("%s: type %s, flags %s, MTU %d", name, link.Type(), link.Attrs().Flags, link.Attrs().MTU)
		}
		if addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL); err != nil || len(addrs) != 0 {
			t.Errorf("%s has addresses %v (%v), want none, link-local ones neither", name, addrs, err)
		}
	}
	if got, want := l.Client.Addr4(), netip.MustParseAddr("10.0.0.1"); got != want {
		t.Errorf("client's IPv4 address: %s, want %s", got, want)
	}
	if got, want := l.Server.Addr6(), netip.MustParseAddr("fd00::2"); got != want {
		t.Errorf("server's IPv6 address: %s, want %s", got, want)
	}
}

func TestStockPairLikeIP(t *testing.T) {
	l := newLab(t, lab.Options{})
	out, err := l.Client.Command(t.Context(), "ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0").CombinedOutput()
	if err != nil {
		t.Skipf("ip link add: %v: %s", err, out)
	}
	var stock, ours netlink.Link
	err = l.Client.Do(func() (err error) {
		if stock, err = netlink.LinkByName("a0"); err != nil {
			return err
		}
		ours, err = netlink.LinkByName("eth0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b := stock.Attrs(), ours.Attrs()
	if a.TxQLen != b.TxQLen || a.NumTxQueues != b.NumTxQueues || a.NumRxQueues != b.NumRxQueues || a.MTU != b.MTU {
		t.Errorf("ip made queue length %d, queues %d/%d, MTU %d; the lab %d, %d/%d, %d",
			a.TxQLen, a.NumTxQueues, a.NumRxQueues, a.MTU, b.TxQLen, b.NumTxQueues, b.NumRxQueues, b.MTU)
	}
}

func TestNamesAddressesMTU(t *testing.T) {
	l := newLab(t, lab.Options{
		MTU: 9000,
		Client: lab.HostOptions{Name: "left", Link: "lan", Port: "in0", Addrs: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.7/24"),
			netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("2001:db8::7/64"),
		}},
	})
	if got := l.Client.Addrs4(); len(got) != 2 || got[1] != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("IPv4 addresses: %v", got)
	}
	err := l.Client.Do(func() error {
		link, err := netlink.LinkByName("lan")
		if err != nil {
			return err
		}
		if link.Attrs().MTU != 9000 {
			t.Errorf("MTU: %d, want 9000", link.Attrs().MTU)
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		for _, want := range []string{"192.0.2.1/24", "192.0.2.7/24", "2001:db8::1/64", "2001:db8::7/64"} {
			if !slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IPNet.String() == want }) {
				t.Errorf("no address %s in %v", want, addrs)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(linkNames(t), "in0") {
		t.Error("no port in0")
	}
}

func TestCloseRemovesAllAndMayRepeat(t *testing.T) {
	lab.Require(t)
	before, err := lab.TakeInventory()
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.New(t.Context(), lab.Options{Bridge: true})
	if err != nil {
		t.Fatal(err)
	}
	if leaks, err := before.Leaks(); err != nil || len(leaks) < 5 {
		t.Errorf("with a lab open the inventory tells only of %v (%v)", leaks, err)
	}
	for range 3 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if leaks, err := before.Leaks(); err != nil || len(leaks) != 0 {
		t.Errorf("left after Close: %v (%v)", leaks, err)
	}
	if _, err := l.AddHost(t.Context(), lab.HostOptions{Name: "x", Port: "vethx"}); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("AddHost after Close: %v, want ErrClosed", err)
	}
}

func TestCloseAfterLinkAndNamespaceVanished(t *testing.T) {
	l := newLab(t, lab.Options{Bridge: true})
	if err := l.Unplug(l.Server); err != nil {
		t.Fatal(err)
	}
	bridge, err := netlink.LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(bridge); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Client.Command(t.Context(), "ip", "netns", "delete", "server").CombinedOutput(); err != nil {
		t.Fatalf("ip netns delete: %v: %s", err, out)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestNewCleansUpHalfWay makes New fail at the server's address, name and port.
func TestNewCleansUpHalfWay(t *testing.T) {
	lab.Require(t)
	before, err := lab.TakeInventory()
	if err != nil {
		t.Fatal(err)
	}
	for name, server := range map[string]lab.HostOptions{
		"same port":       {Port: "veth1"},
		"same name":       {Name: "client"},
		"name too long":   {Link: "an-interface-name-too-long"},
		"address twice":   {Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("10.0.0.2/24")}},
		"invalid address": {Addrs: []netip.Prefix{{}}},
		"MTU too small":   {MTU: 10},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := lab.New(t.Context(), lab.Options{Server: server, Bridge: true})
			if err == nil {
				t.Error("New succeeded", l.Close())
			}
			t.Log(err)
			if leaks, err := before.Leaks(); err != nil || len(leaks) != 0 {
				t.Errorf("left behind: %v (%v)", leaks, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab.New(ctx, lab.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("New with a cancelled context: %v", err)
	}
}

func TestLabsInTurnHaveTheSameNames(t *testing.T) {
	lab.Require(t)
	for range 5 {
		l, err := lab.New(t.Context(), lab.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoComesBack(t *testing.T) {
	l := newLab(t, lab.Options{})
	own := func() string {
		link, err := os.Readlink("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	home := own()
	wantErr := errors.New("x")
	err := l.Client.Do(func() error {
		client := own()
		if client == home {
			t.Error("Do did not enter the namespace")
		}
		if err := l.Server.Do(func() error {
			if ns := own(); ns == client || ns == home {
				t.Error("Do within Do did not enter the other namespace")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if own() != client {
			t.Error("the inner Do did not come back")
		}
		return wantErr
	})
	if !errors.Is(err, wantErr) {
		t.Errorf("Do: %v, want f's error", err)
	}
	if own() != home {
		t.Error("Do did not come back")
	}
}

func TestCommandRunsInside(t *testing.T) {
	l := newLab(t, lab.Options{})
	out, err := l.Server.Command(t.Context(), "ip", "-brief", "address", "show", "dev", "eth0").Output()
	if err != nil || !strings.Contains(string(out), "10.0.0.2/24") {
		t.Errorf("ip in server: %q (%v)", out, err)
	}
	out, err = l.Server.Command(t.Context(), "ip", "netns", "exec", "client", "ip", "-brief", "address").Output()
	if err != nil || !strings.Contains(string(out), "10.0.0.1/24") {
		t.Errorf("ip netns exec client: %q (%v)", out, err)
	}
	if _, err := l.Server.Command(t.Context(), "sh", "-c", "echo why >&2; exit 3").Output(); err == nil ||
		!strings.Contains(err.Error(), "exit status 3: why") {
		t.Errorf("Output of a program that fails: %v", err)
	}
	if err := l.Server.Command(t.Context(), "/no/such/program").Run(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run of a program that is not there: %v", err)
	}
}

// The thread that started a program ends after Wait.
func TestCommandLeavesNoThread(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		if err := lab.Command(t.Context(), "true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	l := newLab(t, lab.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cmd := l.Client.Command(ctx, "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "still here\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	if n, err := out.Read(line); err != nil || !bytes.Equal(line[:n], []byte("still here\n")) {
		t.Errorf("read %q (%v)", line[:n], err)
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("Wait after the context ended: no error")
	}
}
