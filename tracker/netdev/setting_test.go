package netdev

import (
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
)

func TestSettingText(t *testing.T) {
	for want, c := range map[string]Setting{
		"gro of eth0":              {Kind: settingGRO, Name: "eth0"},
		"promisc of eth1 in /proc": {Kind: settingPromisc, Name: "eth1", NetNS: "/proc"},
	} {
		if got := c.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// Settings that are not as needed are changed, and put back in the reverse order, whatever
// cannot be. Those of an interface have its name, and its peer's that of the peer.
func TestSettings(t *testing.T) {
	lab.Require(t)
	l := plugIn(t, "sets1")
	kinds := []Setting{{Kind: settingPromisc, Name: "sets1"}, {Kind: settingClsact, Name: "sets1"}}
	missing := func(want ...Setting) {
		t.Helper()
		if got, err := needed(kinds); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v are needed, not %v: %v", got, want, err)
		}
	}
	missing(kinds...)
	must(t, kinds[1].set(true))
	missing(kinds[0])
	must(t, kinds[0].set(true))
	missing()
	nobody := Setting{Kind: settingPromisc, Name: "nobody"}
	errs := Undo([]Setting{kinds[0], nobody, kinds[1], {Kind: "magic", Name: "sets1"}})
	if len(errs) != 2 || !strings.HasPrefix(errs[0].Error(), "set magic of sets1: ") || !strings.HasPrefix(errs[1].Error(), "set promisc of nobody: ") {
		t.Errorf("%q", errs)
	}
	missing(kinds...)
	if _, err := needed([]Setting{nobody}); err == nil {
		t.Error("an interface that is not there has settings")
	}
	if errs := Undo(kinds[1:]); len(errs) != 0 {
		t.Errorf("undone twice: %q", errs)
	}

	must(t, netlink.LinkSetDown(l))
	must(t, netlink.LinkSetName(l, "sets9"))
	got := settingsNow(named(t, "sets9"), []Setting{kinds[0], {Kind: settingGRO, Name: "before", NetNS: "/run/netns/gone"}})
	want := []Setting{{Kind: settingPromisc, Name: "sets9"}, {Kind: settingGRO, Name: "sets1b"}}
	if !slices.Equal(got, want) {
		t.Errorf("now they are %v, not %v", got, want)
	}
}
