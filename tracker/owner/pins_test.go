package owner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/netdev"
)

func TestPinNames(t *testing.T) {
	for iface, want := range map[string]string{
		"eth0": "eth0", "eth0.5": "eth0%2E5", "a.b.c": "a%2Eb%2Ec", "100%": "100%25",
		"%2E": "%252E", "%25": "%2525", ".": "%2E", "br-lan": "br-lan", "wan@2": "wan@2",
	} {
		if got := pinName(iface); got != want {
			t.Errorf("%q is pinned as %q, want %q", iface, got, want)
		}
	}
}

func TestStanding(t *testing.T) {
	for want, interfaces := range map[string][]string{
		"on all interfaces": {netdev.All}, "on eth0": {"eth0"}, "between eth0 and eth1": {"eth0", "eth1"},
	} {
		if got := Standing(interfaces); got != want {
			t.Errorf("a tracker of %q stands %q, want %q", interfaces, got, want)
		}
	}
}

// What is pinned for one interface is found for it and for no other, and under a
// name that the BPF file system takes.
func FuzzPinNames(f *testing.F) {
	for _, name := range []string{"eth0", "eth0.5", "%", "%2E", "%25", "%252E", ".%", "%.2E"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		pin := pinName(name)
		if strings.Contains(pin, ".") {
			t.Fatalf("%q is pinned as %q", name, pin)
		}
		if back := interfaceName(pin); back != name {
			t.Fatalf("%q is pinned as %q and found as %q", name, pin, back)
		}
	})
}

// A lease is held by one, and free again once it is released.
func TestLease(t *testing.T) {
	dir := t.TempDir()
	first, taken, err := takeLease(dir)
	if err != nil || !taken {
		t.Fatal(taken, err)
	}
	if _, taken, err := takeLease(dir); err != nil || taken {
		t.Errorf("taken twice: %v", err)
	}
	first.release()
	second, taken, err := takeLease(dir)
	if err != nil || !taken {
		t.Fatalf("not free after the release: %v", err)
	}
	second.release()
	if _, _, err := takeLease(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a lease on nothing")
	}
	(*lease)(nil).release()
}

// Pins go, and the directories above them once they are empty.
func TestRemovePins(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "ns", "a:b")
	if err := os.MkdirAll(filepath.Join(dir, "reader0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removePins(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("the namespace's directory is left: %v", err)
	}
	if err := removePins(dir); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

// A directory is claimed by one, with its lease taken, and the others see that.
func TestClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ns", "a:b")
	const rivals = 20
	claimed := make(chan *lease, rivals)
	var wg sync.WaitGroup
	for range rivals {
		wg.Go(func() {
			owner, presence, _, err := claim(dir)
			if err == nil {
				presence.release()
				claimed <- owner
			} else if !errors.Is(err, ErrClaimed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(claimed) != 1 || !isOwned(dir) {
		t.Fatalf("%d have it", len(claimed))
	}
	(<-claimed).release()
	if isOwned(dir) {
		t.Error("it is still owned")
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// Who joins waits for what is being attached or removed, and not for the dead.
func TestJoinWaits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ns", "a:b")
	owner, presence, _, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer presence.release()
	if presence == nil || !presence.holds(filepath.Join(dir, usersDir)) {
		t.Error("its owner is not one of its users")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*attachPoll)
	defer cancel()
	if _, _, err := Join(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while its owner attaches: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := Join(context.Background(), dir)
		ended <- err
	}()
	time.Sleep(2 * attachPoll)
	if err := removePins(dir); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrNotRunning) {
		t.Errorf("when it is gone: %v", err)
	}
	owner.release()
	if owner, presence, _, err = claim(dir); err != nil {
		t.Fatal(err)
	}
	owner.release()
	presence.release()
	if _, _, err := Join(context.Background(), dir); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), `"ctop down a b"`) {
		t.Errorf("when its owner died: %v", err)
	}
}

// What a killed owner left is removed, unless it is whole or somebody has it.
func TestClearKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ns", "a:b")
	clears := func(cleared bool) {
		t.Helper()
		note, err := ClearKilled(dir)
		if _, gone := os.Stat(dir); err != nil || (note != "") != cleared || cleared && !os.IsNotExist(gone) {
			t.Errorf("%q, %v, %v", note, err, gone)
		}
	}
	clears(false)
	owner, presence, _, err := claim(dir)
	must(t, err)
	clears(false)
	owner.release()
	presence.release()
	for i := range 2 {
		must(t, os.Mkdir(filepath.Join(dir, netdev.LinkPin(i)), 0o700))
	}
	clears(false)
	must(t, os.Remove(filepath.Join(dir, netdev.LinkPin(1))))
	clears(true)
}

// Drafts that killed processes left are removed, those that are being made are
// not.
func TestSweepDrafts(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"draft1", "draft2", "a:b"} {
		must(t, os.MkdirAll(filepath.Join(base, name, usersDir), 0o700))
	}
	l, _, err := takeLease(filepath.Join(base, "draft2"))
	must(t, err)
	defer l.release()
	sweepDrafts(base)
	for name, want := range map[string]bool{"draft1": false, "draft2": true, "a:b": true} {
		if _, err := os.Stat(filepath.Join(base, name)); (err == nil) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
}

// Who leaves may unmount a BPF file system in which nothing is pinned yet, while
// another ctop is about to.
func TestClaimMountsAgain(t *testing.T) {
	lab.Require(t)
	unmounted := 0
	for unix.Unmount(bpffsRoot, 0) == nil {
		unmounted++
	}
	t.Cleanup(func() {
		if err := unix.Mount("bpf", bpffsRoot, "bpf", 0, "mode=700"); unmounted > 0 && err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(bpffsRoot, pinsName, "ns", "a:b")
	owner, presence, notes, err := claim(dir)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "mounted a BPF file system") {
		t.Fatalf("%v, %q", err, notes)
	}
	if UnmountBPFFS(); !isBPFFS(bpffsRoot) || !isOwned(dir) {
		t.Error("unmounted under a tracker")
	}
	owner.release()
	presence.release()
	if err := removePins(dir); err != nil {
		t.Error(err)
	}
	if UnmountBPFFS(); isBPFFS(bpffsRoot) {
		t.Error("it is still mounted")
	}
}

// Directories that others could tamper with are told from those that they cannot.
func TestCheckOwn(t *testing.T) {
	lab.Require(t)
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		mode  fs.FileMode
		owner int
		safe  bool
	}{
		"own": {0o700, 0, true}, "readable": {0o755, 0, true}, "writable": {0o777, 0, false},
		"writable by the group": {0o770, 0, false}, "somebody else's": {0o700, 65534, false},
	} {
		path := filepath.Join(dir, name)
		must(t, errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, tt.mode), os.Chown(path, tt.owner, -1)))
		if err := checkOwn(path, 0o022); (err == nil) != tt.safe || err != nil && !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, os.Symlink("own", filepath.Join(dir, "link")))
	if err := checkOwn(filepath.Join(dir, "link"), 0o022); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a link: %v", err)
	}
	if err := checkOwn(filepath.Join(dir, "nowhere"), 0o022); err != nil {
		t.Errorf("what is not there yet: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A BPF file system that others could write to is refused, unless it protects the files
// of each, and so are directories in it.
func TestCheckSite(t *testing.T) {
	for name, tt := range map[string]struct {
		root, pins, base fs.FileMode
		safe             bool
	}{
		"own": {0o700, 0o700, 0o700, true}, "readable": {0o755, 0o755, 0o755, true},
		"writable": {0o777, 0o700, 0o700, false}, "like /tmp": {0o777 | fs.ModeSticky, 0o700, 0o700, true},
		"its pins": {0o755, 0o777, 0o700, false}, "pins like /tmp": {0o755, 0o777 | fs.ModeSticky, 0o700, false},
		"its namespace": {0o755, 0o755, 0o770, false},
	} {
		root := t.TempDir()
		base := baseIn(root, "ns")
		must(t, os.MkdirAll(base, 0o700))
		must(t, errors.Join(os.Chmod(base, tt.base), os.Chmod(filepath.Dir(base), tt.pins), os.Chmod(root, tt.root)))
		if err := checkSite(root, "ns"); (err == nil) != tt.safe || err != nil && !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", name, err)
		}
		if err := checkSite(root, "another"); tt.root == 0o755 && tt.pins == 0o755 && err != nil {
			t.Errorf("%s: a namespace without pins: %v", name, err)
		}
	}
	if err := checkSite(filepath.Join(t.TempDir(), "nowhere"), "ns"); err == nil {
		t.Error("there is no file system")
	}
}

// Who finds that another one has the directory keeps nothing of its own attempt open.
func TestClaimedKeepsNothingOpen(t *testing.T) {
	base := filepath.Join(t.TempDir(), "ns")
	dir := filepath.Join(base, "a:b")
	owner, presence, _, err := claim(dir)
	must(t, err)
	defer owner.release()
	defer presence.release()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it closes what nobody refers to
	open, _ := filepath.Glob("/proc/self/fd/*")
	for range 50 {
		if _, _, err := claimOnce(base, dir); !errors.Is(err, ErrClaimed) {
			t.Fatal(err)
		}
	}
	if now, _ := filepath.Glob("/proc/self/fd/*"); len(now) > len(open)+10 {
		t.Errorf("%d descriptors became %d", len(open), len(now))
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
