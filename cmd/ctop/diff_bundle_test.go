package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/bundle"
	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// growing returns snapshots in which one flow goes on and another one begins.
func growing() []*flow.Snapshot {
	begun := flow.Flow{ID: 1, State: flow.StateEstablished}
	begun.Tuple = flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40001"), Dst: flow.MustParseEnd("10.0.0.2:443")}
	begun.Origin = flow.Half{Packets: 2, Bytes: 200}
	came := begun
	came.ID, came.Tuple.Src = 2, flow.MustParseEnd("10.0.0.1:40002")
	more := begun
	more.Origin = flow.Half{Packets: 5, Bytes: 500}
	at := time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)
	side := []flow.Interface{{Name: "eth0", Index: 2}}
	return []*flow.Snapshot{
		{Time: at, Interfaces: side, MaxFlows: 1024, Flows: []flow.Flow{begun}},
		{Time: at.Add(time.Second), Interfaces: side, MaxFlows: 1024, Flows: []flow.Flow{begun}},
		{Time: at.Add(5 * time.Second), Interfaces: side, MaxFlows: 1024, Flows: []flow.Flow{more, came}},
	}
}

// TestDiffOfBundles: of a bundle the last snapshot counts, and of a single one, or of a
// recording, the first is compared with the last.
func TestDiffOfBundles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bundled := func(name string, all []*flow.Snapshot) string {
		var b bytes.Buffer
		if err := bundle.Write(&b, bundle.Contents{
			Made: all[0].Time, Snapshots: slices.Values(all),
			Files: func(*flow.Snapshot) ([]bundle.File, error) { return nil, nil },
		}); err != nil {
			t.Fatal(err)
		}
		return write(name, b.Bytes())
	}
	all := growing()
	whole, early := bundled("whole.tar.gz", all), bundled("early.tar.gz", all[:2])
	single := bundled("single.tar.gz", all[:1])
	var b bytes.Buffer
	w, err := recording.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if err := w.Snapshot(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	recorded := write("all.ctop", b.Bytes())
	dump := write("dump.json", []byte(dumped("1")))
	for _, args := range [][]string{{whole}, {early, whole}, {recorded}, {early, recorded}} {
		stdout, stderr, err := headless(t, append([]string{"diff"}, args...)...)
		if err != nil || !strings.Contains(stderr, "1 came, 0 went, 1 changed, 0 stayed the same, +500 B, in ") {
			t.Errorf("%q: %v\n%s%s", args, err, stdout, stderr)
		}
	}
	stdout, _, err := headless(t, "diff", "-o", "json", whole)
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Before, After struct{ File string } }
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || document.Before.File != whole || document.After.File != whole {
		t.Errorf("%v, %+v", err, document)
	}
	_, stderr, err := headless(t, "diff", early)
	if err != nil || !strings.Contains(stderr, "nothing differs: 1 flow stayed the same, in 1 second") {
		t.Errorf("%v, %s", err, stderr)
	}
	for _, name := range []string{single, dump} {
		if _, _, err := headless(t, "diff", name); err == nil || !strings.Contains(err.Error(), "it has one snapshot, and nothing to compare it with: name two files") {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, []byte("root:x:0:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := headless(t, "diff", none); err == nil || !strings.Contains(err.Error(), "neither JSON of ctop --dump nor a recording or a bundle") {
		t.Errorf("no snapshot: %v", err)
	}
}
