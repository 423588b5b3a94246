package tracker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// What a tracker without pins changed is put back once its process was killed, and
// not before; nothing stays of the file.
func TestJournal(t *testing.T) {
	lab.Require(t)
	l, ports := filterLab(t)
	o := Options{Interfaces: []string{l.Client.Port(), l.Server.Port()}, NoPin: true}
	x, err := Open(t.Context(), o)
	must(t, err)
	changes := x.hold.Points()[0].Changes
	if len(changes) == 0 {
		t.Fatalf("changes %v", changes)
	}
	// Trackers of other tests have journals in folders of their own namespaces.
	files, err := filepath.Glob(filepath.Join("/run/ctop", networkCookie(t), "*:*"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("the journals are %q", files)
	}
	dir := filepath.Dir(files[0])
	must(t, os.WriteFile(filepath.Join(dir, "draft1"), []byte("half"), 0o600))
	if notes := owner.ClearJournals(); len(notes) != 0 {
		t.Errorf("while it runs: %q", notes)
	}
	if err := Down(t.Context(), o.Interfaces[0], o.Interfaces[1]); err == nil || !strings.Contains(err.Error(), "nsenter") {
		t.Errorf("down while it runs: %v", err)
	}
	must(t, crash(x))
	if active, err := changes[0].Active(); err != nil || !active {
		t.Fatalf("%s was put back already: %v", changes[0], err)
	}
	if err := Down(t.Context(), "left", "right"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("down of others: %v", err)
	}
	if active, err := changes[0].Active(); err != nil || !active {
		t.Fatalf("down of others put %s back: %v", changes[0], err)
	}
	must(t, Down(t.Context(), o.Interfaces[0], o.Interfaces[1]))
	for _, c := range changes {
		if active, err := c.Active(); err != nil || active {
			t.Errorf("%s is not put back: %v", c, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if netdev.OwnProgram(ports[0]) != 0 {
		t.Error("its program is left")
	}
}

// networkCookie returns the kernel's name of the thread's network namespace, as folders
// under /run/ctop have it.
func networkCookie(t *testing.T) string {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	must(t, err)
	return strconv.FormatUint(cookie, 16)
}
