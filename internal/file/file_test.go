package file

import (
	"os"
	"path/filepath"
	"testing"
)

// A file is replaced as a whole, for its owner alone, and a link in its place is not
// followed. Where that fails nothing is left.
func TestReplace(t *testing.T) {
	for name, replace := range map[string]func(string, []byte) error{"at once": Replace, "later": ReplaceLater} {
		t.Run(name, func(t *testing.T) { testReplace(t, replace) })
	}
}

func testReplace(t *testing.T, replace func(string, []byte) error) {
	dir := t.TempDir()
	other, path := filepath.Join(dir, "other"), filepath.Join(dir, "state")
	if err := os.WriteFile(other, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	before := StampOf(path)
	if err := replace(path, []byte("new!")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for name, want := range map[string]string{other: "keep", path: "new!"} {
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v", name, text, err)
		}
	}
	if after := StampOf(path); after == before || after == (Stamp{}) || after != StampOf(path) {
		t.Errorf("the stamp was %v and is %v", before, after)
	}
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(dir, "directory"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if StampOf(filepath.Join(dir, "none")) != (Stamp{}) {
		t.Error("there is a stamp of no file")
	}
}
