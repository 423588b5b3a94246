package netdev

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
)

// Native XDP on a bond is refused, and automatically tc is used: the program would run at
// the bond's ports, and take what comes in there for packets of the other interface.
func TestBondNeedsTC(t *testing.T) {
	bond := func() []*Device { return []*Device{{link: netlink.NewLinkBond(attrs("bond0", indexMaster))}} }
	want := "attach to bond0 in native mode: XDP sees packets at the ports of a bond: use --mode tc"
	if _, err := ChooseMode(flow.ModeNative, bond()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	devices := bond()
	notes, err := ChooseMode(flow.ModeAuto, devices)
	if err != nil || devices[0].Mode() != flow.ModeTC || !strings.Contains(strings.Join(notes, "\n"), "ports of a bond") {
		t.Errorf("auto: %s, %v, notes %q", devices[0].Mode(), err, notes)
	}
}
