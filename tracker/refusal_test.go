package tracker

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// TestDriverRefuses attaches to interfaces whose driver has no native XDP: native
// mode is refused in the kernel's words, and without a mode it is tc.
func TestDriverRefuses(t *testing.T) {
	lab.Require(t)
	names := []string{"br1", "br2"}
	for _, name := range names {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		must(t, netlink.LinkAdd(bridge))
		defer func() { must(t, netlink.LinkDel(bridge)) }()
	}
	const why = "attach to br1 in native mode: its driver bridge says: " +
		"Underlying driver does not support XDP in native mode (operation not supported)"
	if _, err := Open(t.Context(), Options{Interfaces: names, Mode: flow.ModeNative}); err == nil || err.Error() != why+": use --mode tc" {
		t.Errorf("native mode: %v", err)
	}
	tracker, err := Open(t.Context(), Options{Interfaces: names})
	must(t, err)
	defer func() { must(t, tracker.Close()) }()
	if notes := strings.Join(tracker.Notes(), "\n"); !strings.Contains(notes, "tc mode instead of native XDP: "+why) || strings.Contains(notes, "--mode tc") {
		t.Errorf("without a mode it says %q", notes)
	}
	if mode := tracker.hold.Points()[0].Mode; mode != flow.ModeTC {
		t.Errorf("the mode is %s", mode)
	}
}
