package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ctop/internal/lab"
	"ctop/tracker/netdev"
)

// A journal has one owner. A file that was replaced meanwhile has none yet.
func TestLockJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a:b")
	lock := func(want bool) *journal {
		t.Helper()
		j, ok := lockJournal(path)
		if ok != want || ok != (j != nil) {
			t.Fatalf("locked %t, %v", ok, j)
		}
		return j
	}
	lock(false)
	must(t, os.WriteFile(path, []byte("{}"), 0o600))
	j := lock(true)
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for range 50 {
		lock(false)
	}
	if now, _ := filepath.Glob("/proc/self/fd/*"); len(now) > len(descriptors)+10 {
		t.Errorf("%d descriptors became %d", len(descriptors), len(now))
	}
	j.release()
	j = lock(true)
	must(t, os.Rename(path, path+".old"))
	must(t, os.WriteFile(path, []byte("{}"), 0o600))
	j.remove() // it is another's
	if _, err := os.Stat(path); err != nil {
		t.Errorf("another journal was removed: %v", err)
	}
	lock(true).remove()
	j.release()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	must(t, os.Symlink(path+".old", path))
	lock(false)
}

// A description may be written over a longer one.
func TestJournalOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a:b")
	must(t, os.WriteFile(path, nil, 0o600))
	j, ok := lockJournal(path)
	if !ok {
		t.Fatal("not locked")
	}
	defer j.release()
	long, short := goodDescription(), goodDescription()
	long.Programs = "a very long fingerprint"
	must(t, j.write(long))
	must(t, j.write(short))
	text, err := os.ReadFile(path)
	must(t, err)
	want := string(encoded(t, short)) + "\n"
	if len(text) <= len(want) || string(text[:len(want)]) != want {
		t.Errorf("%s", text)
	}
}

// What is cut, empty, or about no interface of this machine describes nothing.
func TestJournalMalformed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a:b")
	whole := string(encoded(t, goodDescription()))
	for text, want := range map[string]bool{
		whole: true, "": false, "{}": false, whole[:len(whole)-1]: false,
		strings.Replace(whole, `"index":3`, `"index":0`, 1): false,
	} {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		j, ok := lockJournal(path)
		if !ok {
			t.Fatal("not locked")
		}
		if d := j.read(); (d != nil) != want {
			t.Errorf("%q describes %+v", text, d)
		}
		j.release()
	}
}

// Trackers come while others go, which remove the directories that they leave empty.
func TestJournalsComeAndGo(t *testing.T) {
	lab.Require(t)
	var all sync.WaitGroup
	for i := range 4 {
		d := &Description{Interfaces: []netdev.Point{{Name: fmt.Sprint("left", i), Index: 1}, {Name: fmt.Sprint("right", i), Index: 2}}}
		all.Go(func() {
			for range 500 {
				j, err := makeJournal(d)
				if err != nil {
					t.Error(err)
					return
				}
				j.remove()
				j.release()
			}
		})
	}
	all.Wait()
}
