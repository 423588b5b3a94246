package agent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/fleet"
	"ctop/internal/fleet/agent"
)

// smallDisk returns a directory that is full soon, and a function that fills it but for some
// bytes.
func smallDisk(t *testing.T) (dir string, fill func(but int)) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir, func(but int) {
		t.Helper()
		_ = os.WriteFile(filepath.Join(dir, "fill"), make([]byte, but), 0o600)
	}
}

func open(t *testing.T, path string) *agent.Journal {
	t.Helper()
	j, err := agent.OpenJournal(path, "edge-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A line that the disk had no room for takes no other line with it: an act is known again
// after the host has ended in the middle of it.
func TestJournalOnAFullDisk(t *testing.T) {
	dir, fill := smallDisk(t)
	path := filepath.Join(dir, "acts.jsonl")
	j := open(t, path)
	act := func(id string) fleet.Outcome {
		return fleet.Outcome{ID: id, Host: "edge-1", State: fleet.Intended, Flows: []string{strings.Repeat("x", 3000)}}
	}
	if err := j.Write(act("first")); err != nil {
		t.Fatal(err)
	}
	fill(1 << 20)
	if err := j.Write(act("second")); err == nil {
		t.Fatal("the disk is not full")
	}
	if _, known := j.Known("second"); known {
		t.Error("it knows what is not on the disk")
	}
	fill(0)
	if err := j.Write(act("third")); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	defer func() { _ = again.Close() }()
	for _, id := range []string{"first", "third"} {
		if o, known := again.Known(id); !known || o.State != fleet.Unknown {
			t.Errorf("%s is %+v, %v", id, o, known)
		}
	}
}

// A line that is longer than any of ours hides none of those behind it.
func TestJournalWithALongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acts.jsonl")
	line, err := json.Marshal(fleet.Outcome{ID: "act", Host: "edge-1", State: fleet.Done})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(append([]byte(strings.Repeat("x", 200_000)), '\n'), line...), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, path)
	defer func() { _ = j.Close() }()
	if o, known := j.Known("act"); !known || o.State != fleet.Done {
		t.Errorf("%+v, %v", o, known)
	}
}
