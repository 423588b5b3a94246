package tracker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// filtersBothWays counts all filters of an interface, in both directions.
func filtersBothWays(t *testing.T, port netlink.Link) (n int) {
	t.Helper()
	if has, err := hasClsact(port); err != nil || !has {
		must(t, err)
		return 0
	}
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := netlink.FilterList(port, parent)
		must(t, err)
		n += len(filters)
	}
	return n
}

// TestWatchFilter watches as on a kernel without tcx: packets pass and are tracked in
// both directions, and nothing is left, whichever way the tracker ends, but a qdisc that
// somebody else uses.
func TestWatchFilter(t *testing.T) {
	lab.Require(t)
	down := func(ctx context.Context, t *Tracker) error {
		interfaces := t.Interfaces()
		return errors.Join(crash(t), Down(ctx, interfaces...))
	}
	for name, end := range map[string]func(context.Context, *Tracker) error{
		"closed": func(_ context.Context, t *Tracker) error { return t.Close() },
		"killed": down,
		"killed, adopted, upgraded": func(ctx context.Context, t *Tracker) error {
			if err := errors.Join(age(t), crash(t)); err != nil {
				return err
			}
			next, err := Open(ctx, Options{Watch: true, Interfaces: t.Interfaces()})
			if err != nil {
				return err
			}
			if !next.Joined() || !next.hold.IsCurrent() {
				err = errors.New("it was not joined, or not upgraded")
			}
			return errors.Join(err, next.Close())
		},
	} {
		for _, used := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
			l, ports := filterLab(t)
			must(t, l.Bridge())
			tracker, err := Open(ctx, Options{Watch: true, Interfaces: []string{l.Client.Port()}, filter: true})
			must(t, err)
			if n := filtersBothWays(t, ports[0]); n != 2 {
				t.Errorf("%s: %d filters", name, n)
			}
			if used {
				must(t, netlink.FilterAdd(&netlink.BpfFilter{
					FilterAttrs: netlink.FilterAttrs{
						LinkIndex: ports[0].Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Priority: 9, Protocol: 3,
					},
					Fd: tracker.objects.WatchOut().FD(), Name: "other", DirectAction: true,
				}))
			}
			must(t, lab.WaitPing(ctx, l.Client, l.Server.Addr4()))
			must(t, lab.Transfer(ctx, l.Client, l.Server, l.Server.Addr4(), 1<<20))
			s, err := tracker.Snapshot()
			must(t, err)
			if s.Counters.Invalid != 0 || s.Counters.Established == 0 || s.Counters.Bytes < 2<<20 {
				t.Errorf("%s: the tracker counted %+v", name, s.Counters)
			}
			checkFilterBehind(t, tracker, ports[0])
			must(t, end(ctx, tracker))
			has, err := hasClsact(ports[0])
			must(t, err)
			left := filtersBothWays(t, ports[0])
			if has != used || used && left != 1 || !used && left != 0 {
				t.Errorf("%s: a qdisc is left: %t, with %d filters; somebody uses it: %t", name, has, left, used)
			}
			cancel()
			must(t, l.Close())
		}
	}
}

// TestWatchFilterReset resets a connection as on a kernel without tcx: both ends die, and
// the RSTs pass the filters uncounted.
func TestWatchFilterReset(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	l, _ := filterLab(t)
	must(t, l.Bridge())
	tracker, err := Open(ctx, Options{Watch: true, Interfaces: []string{l.Client.Port()}, filter: true})
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	listener, err := l.Server.Listen(ctx, "tcp", netip.AddrPortFrom(l.Server.Addr4(), 0).String())
	must(t, err)
	defer listener.Close()
	client, err := l.Client.Dial(ctx, "tcp", listener.Addr().String())
	must(t, err)
	defer client.Close()
	server, err := listener.Accept()
	must(t, err)
	defer server.Close()
	_, err = client.Write([]byte("hello"))
	must(t, err)
	_, err = io.ReadFull(server, make([]byte, 5))
	must(t, err)
	for _, end := range []net.Conn{client, server} {
		must(t, end.(*net.TCPConn).SetKeepAlive(false)) // then nothing more passes
	}
	waitAcknowledged(ctx, t, client)
	before, err := tracker.Snapshot()
	must(t, err)
	for _, f := range before.Flows {
		if f.Tuple.Proto != flow.ProtocolTCP {
			continue
		}
		outcome, err := tracker.Act(ctx, flow.Reset(f.Ref()))
		if err != nil || outcome != (flow.Outcome{Done: 1}) {
			t.Errorf("%+v, %v", outcome, err)
		}
	}
	for _, end := range []net.Conn{client, server} {
		must(t, end.SetReadDeadline(time.Now().Add(time.Minute)))
		if _, err := end.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%s, an end, says %v", end.LocalAddr(), err)
		}
	}
	after, err := tracker.Snapshot()
	must(t, err)
	tracked := func(s *flow.Snapshot) uint64 { return s.Counters.Packets - s.Counters.Untracked } // no ARP
	if after.Counters.Destroyed[flow.ReasonReset] != 1 || after.Counters.Invalid != 0 || tracked(after) != tracked(before) {
		t.Errorf("before %+v, after %+v", before.Counters, after.Counters)
	}
}

// waitAcknowledged waits until the other end has acknowledged everything.
func waitAcknowledged(ctx context.Context, t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	must(t, err)
	for waits := -1; waits != 0; {
		must(t, ctx.Err())
		must(t, raw.Control(func(fd uintptr) { waits, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }))
		must(t, err)
	}
}

// checkFilterBehind expects a tracker that watches by filters to say that a filter was put
// before it, as long as it is there.
func checkFilterBehind(t *testing.T, tracker *Tracker, port netlink.Link) {
	t.Helper()
	first := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: port.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Priority: 1, Protocol: 3, Handle: 77},
		Fd:          tracker.objects.WatchOut().FD(), Name: "first", DirectAction: true,
	}
	must(t, netlink.FilterAdd(first))
	s, err := tracker.Snapshot()
	must(t, err)
	if got := s.Interfaces[0].Behind; got != "the filter first" || !s.Warnings.Has(flow.WarningBehind) {
		t.Errorf("behind %q, warnings %v", got, s.Warnings)
	}
	must(t, netlink.FilterDel(first))
	s, err = tracker.Snapshot()
	must(t, err)
	if got := s.Interfaces[0].Behind; got != "" {
		t.Errorf("still behind %q", got)
	}
}

// TestFollowReusesPlaces has more interfaces come and go than there are places, one after
// the other: each is watched, no flow of one is shown at another, and the kernel's flows
// of those that are gone are deleted.
func TestFollowReusesPlaces(t *testing.T) {
	lab.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	l, _ := filterLab(t)
	for _, filter := range []bool{false, true} {
		tracker, err := Open(ctx, Options{Watch: true, Interfaces: []string{All}, Except: []string{l.Client.Port(), "peer"}, filter: filter, returnTime: 1})
		must(t, err)
		follow := func() {
			t.Helper()
			m := maintenance{tracker: tracker}
			for _, w := range m.reattach() {
				t.Error(w)
			}
		}
		most, open := 0, attachmentsOpen(t)
		for _, name := range []string{"d1", "d2", "d3", "d4"} {
			dummy := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "peer"}
			must(t, netlink.LinkAdd(dummy))
			peer, err := netlink.LinkByName("peer")
			must(t, err)
			must(t, errors.Join(netlink.LinkSetUp(peer), netlink.LinkSetUp(dummy)))
			must(t, netlink.AddrReplace(dummy, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 1), Mask: net.CIDRMask(24, 32)}}))
			follow()
			conn, err := net.Dial("udp", "10.9.0.2:9")
			must(t, err)
			at := func() (flows, zones int) {
				_, err = conn.Write([]byte("out"))
				must(t, err)
				s, err := tracker.Snapshot()
				must(t, err)
				for i := range s.Flows {
					if f := &s.Flows[i]; f.Tuple.Proto == flow.ProtocolUDP && f.Tuple.Dst.Port() == 9 {
						flows++
						if s.Interfaces[f.In].Name != name || !f.Outgoing {
							t.Errorf("a flow of %s is shown at %s", name, s.Interfaces[f.In].Name)
						}
					}
				}
				return flows, len(s.Interfaces)
			}
			must(t, netlink.NeighSet(&netlink.Neigh{
				LinkIndex: dummy.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.IPv4(10, 9, 0, 2), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2},
			}))
			flows, places := at()
			if flows != 1 {
				t.Errorf("%s: %d flows", name, flows)
			}
			must(t, conn.Close())
			if most = max(most, places); name != "d1" && places != most || places > most {
				t.Errorf("%d places, there were %d", places, most)
			}
			must(t, netlink.LinkDel(dummy))
			follow() // is missed
			follow() // gives up its place
			if now := attachmentsOpen(t); now != open {
				t.Errorf("%s is gone: %d descriptors of attachments, at first %d", name, now, open)
			}
		}
		must(t, tracker.Close())
	}
	must(t, l.Close())
}

// attachmentsOpen counts this process's descriptors of attachments.
func attachmentsOpen(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == "anon_inode:bpf_link" {
			n++
		}
	}
	return n
}
