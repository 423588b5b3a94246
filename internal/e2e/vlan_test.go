//go:build kernels

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// vlanID is the VLAN between the machine and the client. Its addresses follow.
const vlanID = 10

var (
	vlanHere  = []netip.Prefix{netip.MustParsePrefix("10.10.0.9/24"), netip.MustParsePrefix("fd10::9/64")}
	vlanThere = []netip.Prefix{netip.MustParsePrefix("10.10.0.1/24"), netip.MustParsePrefix("fd10::1/64")}
)

// newVLAN returns a lab with a VLAN device on the machine's interface to the client, and
// the names of the interface and of the device.
func newVLAN(t *testing.T) (l *lab.Lab, parent, device string) {
	t.Helper()
	l, _ = newLabWith(t, lab.Options{Server: lab.HostOptions{Addrs: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("fd01::2/64"),
	}}})
	parent = l.Client.Port()
	device = addVLAN(t, nil, parent, vlanHere)
	addVLAN(t, l.Client, l.Client.Link(), vlanThere)
	return l, parent, device
}

func addVLAN(t *testing.T, h *lab.Host, parent string, prefixes []netip.Prefix) (name string) {
	t.Helper()
	attrs := deviceAttrs(fmt.Sprintf("%s.%d", parent, vlanID))
	do(t, h, func() error {
		link, err := netlink.LinkByName(parent)
		if err == nil {
			attrs.ParentIndex = link.Attrs().Index
		}
		return err
	})
	addDevice(t, h, &netlink.Vlan{LinkAttrs: attrs, VlanId: vlanID}, prefixes...)
	return attrs.Name
}

// A VLAN device and the interface below it: each that is watched has a connection once,
// with the tag where the frames have it, and counts what the socket did, byte for byte.
func TestWatchVLAN(t *testing.T) {
	for _, which := range []string{"parent", "device", "parent and device"} {
		t.Run(which, func(t *testing.T) {
			l, parent, device := newVLAN(t)
			withoutSACK(t, l.Client)
			var watched []string
			for _, name := range strings.Split(which, " and ") {
				watched = append(watched, map[string]string{"parent": parent, "device": device}[name])
			}
			r := watchDevices(t, l, vlanHere[0].Addr(), tracker.Options{Interfaces: watched})
			for i := range vlanHere {
				for _, out := range []bool{false, true} {
					near, far := call(t, l, out, vlanHere[i].Addr(), vlanThere[i].Addr())
					begun := segments(t, near)
					sendMuch(t, near, far, volume)
					sendMuch(t, far, near, volume)
					for at, f := range r.checkCounts(near, len(watched)) {
						checkTagged(t, f, watched[at] == parent, out)
						checkBytes(t, f, watched[at] == parent, begun, near)
					}
					near.Close()
					far.Close()
				}
			}
			s, err := r.tracker.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if c := s.Counters; c.Invalid+c.Dropped != 0 || len(s.Warnings) != 0 {
				t.Errorf("counters %+v, warnings %v", c, s.Warnings)
			}
		})
	}
}

// checkTagged expects the tag at the parent only, and the direction.
func checkTagged(t *testing.T, f flow.Flow, tagged, out bool) {
	t.Helper()
	want := [3]uint16{}
	if tagged {
		want[0] = vlanID
	}
	if f.Tuple.VLANs() != want || f.Outgoing != out || f.State != flow.StateEstablished {
		t.Errorf("%v: VLANs %v, out %t, %s; want %v, %t", f.Tuple, f.Tuple.VLANs(), f.Outgoing, f.State, want, out)
	}
}

// checkBytes expects the bytes of whole frames of what the machine sent.
func checkBytes(t *testing.T, f flow.Flow, tagged bool, begun *unix.TCPInfo, near net.Conn) {
	t.Helper()
	sent := f.Origin
	if !f.Outgoing {
		sent = f.Reply
	}
	var more uint64
	if f.Tuple.Src.Addr().Is6() {
		more = 20
	}
	if tagged {
		more += tagBytes
	}
	checkSent(t, sent, volume, more, begun, segments(t, near))
}

// The commands take the name of a VLAN device, whose flows have the machine's end.
func TestWatchVLANCommand(t *testing.T) {
	l, _, device := newVLAN(t)
	run := func(args ...string) []byte {
		out, err := ctop(t.Context(), t, append(args, device)...).Output()
		if err != nil {
			t.Errorf("ctop %v: %v: %s", args, err, out)
		}
		return out
	}
	run("--keep", "--dump", "--for", "10ms")
	near, far := call(t, l, false, vlanHere[0].Addr(), vlanThere[0].Addr())
	say(t, far, near, "hello")
	out := run("--dump", "-o", "json", "--filter", fmt.Sprintf("tcp dir:in local:%d", near.LocalAddr().(*net.TCPAddr).Port))
	var dump struct {
		Flows []struct{ In, Dir, Local string }
	}
	if err := json.Unmarshal(out, &dump); err != nil || len(dump.Flows) != 1 || dump.Flows[0].In != device || dump.Flows[0].Local != "reply" {
		t.Errorf("%v: %s", err, out)
	}
	run("down")
	checkDetached(t, l)
}

// A connection in a VLAN ends at both ends, be the interface watched or the device on it:
// the machine's own, and one that it routes.
func TestResetVLAN(t *testing.T) {
	for _, which := range []string{"parent", "device"} {
		t.Run(which, func(t *testing.T) {
			l, parent, device := newVLAN(t)
			watched := map[string]string{"parent": parent, "device": device}[which]
			r := watchDevices(t, l, vlanHere[0].Addr(), tracker.Options{Interfaces: []string{watched}})
			for i := range vlanHere {
				near, far := call(t, l, i == 1, vlanHere[i].Addr(), vlanThere[i].Addr())
				r.resetsOwn(near, far)
			}
			r.resetsRouted()
		})
	}
}

// resetsOwn resets a connection of the machine's own.
func (r *rig) resetsOwn(near, far net.Conn) {
	r.t.Helper()
	say(r.t, near, far, "hello")
	say(r.t, far, near, "hello yourself")
	f := r.settled(near, far)
	dead := deaths(r.t, abortedAndReset(near, far))
	r.resetsSettled(f)
	r.t.Logf("own, dead after %s", dead())
}

// settled waits until everything of a connection is acknowledged and counted.
func (r *rig) settled(near, far net.Conn) (f flow.Flow) {
	r.t.Helper()
	r.eventually("everything is acknowledged and counted", func() bool {
		f = r.between(near, far)
		return quiet(r.t, f, near, far)
	})
	return f
}

// resetsSettled resets a flow, and waits for its end.
func (r *rig) resetsSettled(f flow.Flow) flow.Event {
	r.t.Helper()
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		r.t.Errorf("%v: %+v, %v", f.Tuple, outcome, err)
	}
	e := r.ended(f.ID)
	if e.Reason != flow.ReasonReset {
		r.t.Errorf("it ended by %s", e.Reason)
	}
	r.none("tcp")
	return e
}

// resetsRouted resets connections that are routed from the VLAN to the server. The RSTs
// count for none.
func (r *rig) resetsRouted() {
	t := r.t
	t.Helper()
	// Older kernels look for the neighbours of others with a link-local address only.
	addAddresses(t, r.Server.Port(), append(outside, netip.MustParsePrefix("fe80::fe/64"))...)
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		setSysctl(t, name)
	}
	routeBy(t, r.Server, outside)
	routeTo(t, r.Client, fmt.Sprintf("%s.%d", r.Client.Link(), vlanID), vlanHere)
	for i, addr := range []netip.Addr{r.Server.Addr4(), r.Server.Addr6()} {
		client, server := r.connect(addr)
		say(t, client, server, "hello")
		say(t, server, client, "hello yourself")
		if from := client.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); from != vlanThere[i].Addr() {
			t.Fatalf("the client dials from %s", from)
		}
		f := r.settled(client, server)
		dead := dying(t, client, server)
		if e := r.resetsSettled(f); e.Origin.Packets+e.Reply.Packets != f.Packets() {
			t.Errorf("it ended with %d packets, it had %d", e.Origin.Packets+e.Reply.Packets, f.Packets())
		}
		t.Logf("routed, dead after %s", dead())
	}
}

// An interface below a VLAN device that the machine uses is not taken into a wire.
func TestGuardVLAN(t *testing.T) {
	l, parent, device := newVLAN(t)
	o := runUnder(t.Context(), t, nil, "--dump", "--for", "100ms", parent, l.Server.Port())
	for _, word := range []string{parent, "carries " + device + ", which has the address", "--watch " + parent} {
		o.refused(t, word)
	}
	checkDetached(t, l)
}
