package agent_test

import (
	"encoding/json"
	"fmt"
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
func smallDisk(t *testing.T, size string) (dir string, fill func(but int)) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
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
	dir, fill := smallDisk(t, "64k")
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

// A journal does not grow without end, and no act is forgotten that could be repeated, whenever
// the host ends.
func TestJournalBeginsAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "acts.jsonl")
	j := open(t, path)
	now := time.Now()
	long := []string{strings.Repeat("x", 50_000)}
	write := func(id, state string, expires time.Time) {
		t.Helper()
		if err := j.Write(fleet.Outcome{Time: now, ID: id, Host: "edge-1", State: state, Flows: long, Expires: expires}); err != nil {
			t.Fatal(err)
		}
	}
	write("valid", fleet.Done, now.Add(time.Minute))
	write("begun", fleet.Intended, now.Add(-time.Hour))
	for i := range 1000 { // 50 MB
		write(fmt.Sprint("old", i), fleet.Done, now.Add(-time.Hour))
		if i == 500 {
			if _, err := agent.OpenJournal(path, "edge-1", now); err == nil {
				t.Fatal("two processes have a journal that began again")
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v: %v", err, files)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Size() > 17<<20 || info.Mode().Perm() != 0o600 {
			t.Errorf("%v: %s has %d bytes, %s", err, f.Name(), info.Size(), info.Mode())
		}
	}
	j = open(t, path)
	defer func() { _ = j.Close() }()
	if o, known := j.Known("valid"); !known || o.State != fleet.Done {
		t.Errorf("%s, %v", o.State, known)
	}
	if o, known := j.Known("begun"); !known || o.State != fleet.Unknown {
		t.Errorf("%s, %v", o.State, known)
	}
}

// An act that could still be repeated is known however many there are.
func TestJournalKnowsWhatMayComeAgain(t *testing.T) {
	dir, _ := smallDisk(t, "64m")
	j := open(t, filepath.Join(dir, "acts.jsonl"))
	defer func() { _ = j.Close() }()
	now := time.Now()
	const acts = 10_050
	for i := range acts {
		if err := j.Write(fleet.Outcome{Time: now, ID: fmt.Sprint(i), Host: "edge-1", State: fleet.Done, Expires: now.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := j.Known("0"); !known {
		t.Error("it forgot an act that may come again")
	}
	later := now.Add(time.Hour)
	if err := j.Write(fleet.Outcome{Time: later, ID: "last", Host: "edge-1", State: fleet.Done, Expires: later}); err != nil {
		t.Fatal(err)
	}
	if _, known := j.Known("0"); known {
		t.Error("it knows for ever what can no longer come again")
	}
	if _, known := j.Known(fmt.Sprint(acts - 1)); !known {
		t.Error("it forgot the latest acts")
	}
}
