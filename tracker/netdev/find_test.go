package netdev

import (
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Interfaces that cannot be attached to are refused with what to do instead.
func TestFindRefuses(t *testing.T) {
	lab.Require(t)
	plugIn(t, "find1")
	many := make([]string, kernel.MaxWatched+1)
	for i := range many {
		many[i] = "find1"
	}
	for name, test := range map[string]struct {
		find  func(names ...string) ([]*Device, error)
		names []string
		want  string // of the error, empty for none
	}{
		"no such":         {Find, []string{"find1", "nobody"}, "no such interface"},
		"watch no such":   {FindWatched, []string{"nobody"}, "no such interface"},
		"twice":           {Find, []string{"find1", "find1"}, "named twice"},
		"watch too many":  {FindWatched, many, "name at most"},
		"many, but twice": {FindWatched, many[1:], "named twice"},
		"loopback":        {Find, []string{"find1", "lo"}, "cannot forward"},
		"watch loopback":  {FindWatched, []string{"lo"}, ""},
		"two":             {Find, []string{"find1", "find1b"}, ""},
	} {
		devices, err := test.find(test.names...)
		if test.want == "" {
			if err != nil || len(devices) != len(test.names) {
				t.Errorf("%s: %d, %v", name, len(devices), err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, not %q", name, err, test.want)
		}
	}
	if devices, err := FindWatched("find1"); err != nil || len(devices) != 2 || devices[0].direction != Ingress || devices[1].direction != Egress {
		t.Errorf("an interface is watched in %d directions: %v", len(devices), err)
	}
	if name, err := InterfaceName("find1"); err != nil || name != "find1" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := InterfaceName("nobody"); err == nil {
		t.Error("nobody has a name")
	}
}

// What a tracker cannot parse, or may not replace, it does not attach to.
func TestCheckRefuses(t *testing.T) {
	at := attrs("eth0", 1<<20)
	at.EncapType = "ether"
	tunnel, busy, free := at, at, at
	tunnel.EncapType = "none"
	busy.Xdp, free.Xdp = &netlink.LinkXdp{Attached: true, ProgId: 1 << 30}, &netlink.LinkXdp{}
	for name, test := range map[string]struct {
		attrs netlink.LinkAttrs
		want  string
		busy  bool
	}{
		"free": {free, "", false}, "not known": {at, "", false},
		"no Ethernet":       {tunnel, "its link type is none", false},
		"another program's": {busy, "ip link set dev eth0 xdp off", true},
	} {
		s := &Device{link: &netlink.Dummy{LinkAttrs: test.attrs}}
		err := s.Check(points{}.Occupied)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrBusy) != test.busy {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only native XDP that a driver lacks can be done without.
func TestLacksNative(t *testing.T) {
	native, tc := []*Device{{mode: flow.ModeNative}}, []*Device{{mode: flow.ModeTC}}
	lacks := error(unix.EOPNOTSUPP)
	for name, test := range map[string]struct {
		devices []*Device
		err     error
		want    bool
	}{
		"native": {native, lacks, true}, "tc": {tc, lacks, false}, "nothing": {nil, lacks, false}, "another error": {native, ErrBusy, false},
	} {
		if got := LacksNative(test.devices, test.err); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
