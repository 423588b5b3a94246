package tracker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// What a tracker without pins changed is put back once its process was killed, and
// not before; nothing stays of the file.
func TestJournal(t *testing.T) {
	lab.Require(t)
	l, ports := filterLab(t)
	o := Options{Interfaces: [2]string{l.Client.Port(), l.Server.Port()}, NoPin: true}
	x, err := Open(t.Context(), o)
	must(t, err)
	changes := x.meta.Interfaces[0].Changes
	if len(changes) == 0 || x.journal == nil {
		t.Fatalf("changes %v, journal %v", changes, x.journal)
	}
	dir := filepath.Dir(x.journal.path)
	must(t, os.WriteFile(filepath.Join(dir, draftName+"1"), []byte("half"), 0o600))
	all := func(*meta) bool { return true }
	if notes := clearJournals(all); len(notes) != 0 {
		t.Errorf("while it runs: %q", notes)
	}
	if err := Down(t.Context(), o.Interfaces[0], o.Interfaces[1]); err == nil || !strings.Contains(err.Error(), "nsenter") {
		t.Errorf("down while it runs: %v", err)
	}
	must(t, crash(x))
	x.journal.release()
	if active, err := changes[0].active(); err != nil || !active {
		t.Fatalf("%s was put back already: %v", changes[0], err)
	}
	if notes := clearJournals(func(*meta) bool { return false }); len(notes) != 0 {
		t.Errorf("of others: %q", notes)
	}
	must(t, Down(t.Context(), o.Interfaces[0], o.Interfaces[1]))
	for _, c := range changes {
		if active, err := c.active(); err != nil || active {
			t.Errorf("%s is not put back: %v", c, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	if ownProgram(ports[0]) != 0 {
		t.Error("its program is left")
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
