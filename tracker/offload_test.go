package tracker

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// TestOffload changes an offload of a veth link and puts it back.
func TestOffload(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	port := l.Client.Port()
	for kind, changeable := range map[changeKind]bool{
		changeRxVLAN: true, changeTxVLAN: true, changeGRO: true, changeLRO: false, changeHWGRO: false,
	} {
		o := offloads[kind]
		before, can, err := o.state(port)
		must(t, err)
		if can != changeable {
			t.Errorf("%s can be changed: %t", o.feature, can)
		}
		if !changeable {
			if !before || (change{Kind: kind, Name: port}).stuck() {
				t.Errorf("%s, which the link does not have, is in the way", o.feature)
			}
			continue
		}
		for _, needed := range []bool{true, false, before} {
			must(t, o.set(port, needed))
			if is, _, err := o.state(port); err != nil || is != needed {
				t.Errorf("%s is as needed: %t, wanted %t (%v)", o.feature, is, needed, err)
			}
		}
	}
	if err := offloads[changeLRO].set(port, false); err == nil {
		t.Error("an offload that the link does not have was turned on")
	}
}

// TestDriverRefuses attaches to interfaces whose driver has no native XDP: native
// mode is refused in the kernel's words, and without a mode it is tc.
func TestDriverRefuses(t *testing.T) {
	lab.Require(t)
	names := [2]string{"br1", "br2"}
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
	if mode := tracker.interfaces()[0].Mode; mode != flow.ModeTC {
		t.Errorf("the mode is %s", mode)
	}
}
