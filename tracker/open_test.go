package tracker

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
	"ctop/tracker/netdev"
)

// kernelObjects returns the number of maps and programs that this process has open.
func kernelObjects(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && slices.Contains([]string{"anon_inode:bpf-map", "anon_inode:bpf-prog"}, to) {
			n++
		}
	}
	return n
}

// TestJoin joins a tracker that runs, and says so where none does.
func TestJoin(t *testing.T) {
	lab.Require(t)
	l, _ := filterLab(t)
	ports := []string{l.Client.Port(), l.Server.Port()}
	if tr, err := Join(t.Context(), ports...); tr != nil || err == nil {
		t.Fatalf("joined %v, %v", tr, err)
	}
	first, err := Open(t.Context(), Options{Interfaces: ports})
	must(t, err)
	second, err := Join(t.Context(), ports...)
	must(t, err)
	if second == nil || !second.Joined() {
		t.Fatal("nothing was joined")
	}
	must(t, second.Close())
	must(t, first.Close())
}

// TestVanishedBeforeAttaching takes an interface away before the tracker is attached, and
// looks for what that leaves open.
func TestVanishedBeforeAttaching(t *testing.T) {
	lab.Require(t)
	l, ports := filterLab(t)
	names := []string{l.Client.Port(), l.Server.Port()}
	devices, err := netdev.Find(names...)
	must(t, err)
	_, err = netdev.ChooseMode(flow.ModeNative, devices)
	must(t, err)
	must(t, netlink.LinkDel(ports[0]))
	before := kernelObjects(t)
	tr, err := attachDevices(t.Context(), Options{Interfaces: names, MaxFlows: 100, Log: slog.New(slog.DiscardHandler)}, devices, "")
	if tr != nil || err == nil || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("attached %v, %v", tr, err)
	}
	if after := kernelObjects(t); after != before {
		t.Errorf("%d maps and programs are open, %d were", after, before)
	}
}
