package netdev

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// A mode that cannot be used is refused with what to do: tc always works, and perhaps there
// is something else. What is not a refusal stays as it is.
func TestRefusal(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		err          error
		text, reason string
	}{
		{&refusal{what: broken}, "broken: use --mode tc", "broken"},
		{&refusal{what: broken, remedy: "mend it"}, "broken: use --mode tc, or mend it", "broken: for native XDP, mend it"},
		{fmt.Errorf("again: %w", &refusal{what: broken}), "again: broken: use --mode tc", "broken"},
		{broken, "broken", "broken"},
	} {
		if c.err.Error() != c.text || reason(c.err) != c.reason || !errors.Is(c.err, broken) {
			t.Errorf("%q, %q, want %+v", c.err, reason(c.err), c)
		}
	}
}

// The remedy is of the reason for the refusal.
func TestRemedy(t *testing.T) {
	lab.Require(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "mend0", MTU: 1501}, PeerName: "mend1"}
	must(t, netlink.LinkAdd(pair))
	defer func() { _ = netlink.LinkDel(pair) }()
	devices, err := find([]string{"mend0"})
	must(t, err)
	s := devices[0]
	const queues = `leave queues to XDP, as with "ethtool -L mend0 combined N" (half of the number in "ethtool -l mend0")`
	for _, c := range []struct {
		err  error
		mtu  int
		want string
	}{
		{errors.New("the driver does not support XDP"), 9000, ""},
		{errors.New("too few queues"), 1500, queues},
		{fmt.Errorf("attach: %w", unix.ENOMEM), 1500, queues},
		{errors.New("refuses it"), 1500, ""},
		{errors.New("refuses it"), 1501, `set a smaller MTU, as with "ip link set dev mend0 mtu 1500"`},
		{errors.New("CSUM is on"), 1500, ""},
	} {
		s.link.Attrs().MTU = c.mtu
		if got := s.remedy(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	if got := s.driver(); got != "veth" {
		t.Errorf("the driver is %q", got)
	}
	gone := Device{link: &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "nosuch0"}}}
	if got := gone.driver(); got != "?" {
		t.Errorf("without an interface the driver is %q", got)
	}
}

// An interface that is not there is none, and every other failure stays one.
func TestOrNone(t *testing.T) {
	_, missing := netlink.LinkByName("nosuch0")
	is := &netlink.Dummy{}
	for _, c := range []struct {
		l          netlink.Link
		err        error
		none, gone bool
	}{
		{nil, missing, true, true}, {nil, unix.EINVAL, true, false}, {nil, unix.EPERM, false, false}, {nil, unix.ENODEV, false, true}, {is, nil, false, false},
	} {
		l, err := orNone(c.l, c.err)
		if c.none && (l != nil || err != nil) || !c.none && (l != c.l || !errors.Is(err, c.err)) || isGone(c.err) != c.gone {
			t.Errorf("%v: %v, %v, gone %t", c.err, l, err, isGone(c.err))
		}
	}
}

// What each mode changes on a card, and on an interface without one.
func TestPreparedChanges(t *testing.T) {
	card, pair := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "nosuch0"}}, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "nosuch1"}}
	for _, c := range []struct {
		link netlink.Link
		mode flow.Mode
		want []settingKind
	}{
		{card, flow.ModeTC, []settingKind{settingPromisc, settingLRO, settingClsact, settingFilter}},
		{pair, flow.ModeTC, []settingKind{settingClsact, settingFilter}},
		{card, flow.ModeNative, []settingKind{settingPromisc, settingRxVLAN, settingRxServiceTag, settingLRO}},
		{card, flow.ModeGeneric, []settingKind{settingPromisc, settingRxVLAN, settingRxServiceTag, settingLRO, settingHWGRO}},
	} {
		d := &Device{link: c.link, mode: c.mode, filter: true}
		if d.prepareCard(); c.mode == flow.ModeTC {
			d.changes = nil
			d.prepareTC()
		}
		var got []settingKind
		for _, change := range d.changes {
			if got = append(got, change.Kind); change.Name != c.link.Attrs().Name {
				t.Errorf("%s of %s", change.Kind, change.Name)
			}
		}
		if !slices.Equal(got, c.want) || d.obstacle != nil {
			t.Errorf("%s in %s mode: %v, want %v, obstacle %v", c.link.Type(), c.mode, got, c.want, d.obstacle)
		}
	}
}
