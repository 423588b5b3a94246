package owner

import (
	"errors"
	"testing"

	"ctop/tracker/netdev"
)

// An interface that a tracker has is refused with how to join or to end that.
func TestInUse(t *testing.T) {
	for _, c := range []struct {
		interfaces []string
		want       string
	}{
		{[]string{"all"}, `a tracker watches all interfaces: "ctop down all" ends that, or start it again and leave this one out with --except`},
		{[]string{"eth0"}, `a tracker watches it: "ctop down eth0" ends that`},
		{[]string{"eth0", "eth1"}, `a tracker runs between eth0 and eth1: name both to join it; "ctop down eth0 eth1" ends it, and its forwarding`},
	} {
		err := inUse(c.interfaces)
		if want := netdev.ErrBusy.Error() + ": " + c.want; !errors.Is(err, netdev.ErrBusy) || err.Error() != want {
			t.Errorf("%s: %q, want %q", c.interfaces, err, want)
		}
	}
	if got := listNames([][]string{{"b", "c"}, {"all"}, {"a"}}); got != "a, all, b c" {
		t.Errorf("the trackers are %q", got)
	}
}
