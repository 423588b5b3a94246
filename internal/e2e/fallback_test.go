package e2e

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// bare runs a command without a mounted BPF file system, and fails if one is
// left.
var bare = []string{
	"unshare", "--mount", "sh", "-c",
	`while umount /sys/fs/bpf; do :; done 2>/dev/null
	"$0" "$@" || exit
	if grep " /sys/fs/bpf " /proc/mounts; then exit 3; fi`,
}

// If the driver has no native XDP, in any mode, the BPF file system that ctop
// mounts survives the failed attempt, and is unmounted in the end.
func TestNoNativeAndNoBPFFS(t *testing.T) {
	_, ctx := newLab(t)
	ports := []string{"wire0", "wire1"}
	for _, port := range ports {
		ip(t, "link", "add", port, "type", "bridge")
		t.Cleanup(func() { ip(t, "link", "delete", port) })
	}
	for _, mode := range []string{"auto", "tc", "generic"} {
		o := runUnder(ctx, t, bare, append([]string{"--dump", "-o", "json", "--for", "100ms", "--mode", mode}, ports...)...)
		if o.status != 0 || !strings.Contains(o.stdout, "ctop.snapshot/1") {
			t.Errorf("%s: exit status %d, %q", mode, o.status, o.stderr)
		}
		if n := strings.Count(o.stderr, "mounted a BPF file system"); n != 1 || strings.Contains(o.stderr, "without pins") {
			t.Errorf("%s: it said so %d times: %s", mode, n, o.stderr)
		}
	}
	runUnder(ctx, t, bare, append([]string{"--dump", "--for", "100ms", "--mode", "native"}, ports...)...).refused(t, "--mode tc")
}

// Others can end a tracker left running and remove the record of its changes,
// even if an interface is gone or only the record is left.
func TestDownOfVanishedInterface(t *testing.T) {
	newLab(t)
	journals := "/run/ctop/" + cookieOf(t, "/proc/thread-self/ns/net")
	for _, pinned := range []bool{true, false} {
		for _, port := range []string{"wire0", "wire1"} {
			ip(t, "link", "add", port, "type", "bridge")
		}
		unpin := "true"
		if !pinned {
			unpin = "rm -r /sys/fs/bpf/ctop && umount /sys/fs/bpf"
		}
		under := []string{
			"unshare", "--mount", "sh", "-ec", `while umount /sys/fs/bpf; do :; done 2>/dev/null
			"$0" --dump --keep --for 100ms wire0 wire1
			ls ` + journals + `
			ip link delete wire0
			` + unpin + `
			"$0" down wire0 wire1`,
		}
		o := runUnder(t.Context(), t, under)
		ip(t, "link", "delete", "wire1")
		if o.status != 0 || !strings.Contains(o.stdout, "wire0:wire1") {
			t.Errorf("pinned: %t: exit status %d, %q, %q", pinned, o.status, o.stdout, o.stderr)
		}
		if left, err := os.ReadDir(journals); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("pinned: %t: left in %s: %v, %v", pinned, journals, left, err)
		}
	}
}
