package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ctop/internal/history"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// A bundle has so many events at most, the latest, and no more are in memory than twice as many.
func TestKeeperIsBounded(t *testing.T) {
	for _, n := range []int{0, 1, mostBundled, mostBundled + 1, 2 * mostBundled, 2*mostBundled + 1} {
		k := &keeper{events: make([]flow.Event, max(n-1, 0), 2*mostBundled)}
		if n > 0 {
			if err := k.Event(&flow.Event{ID: flow.ID(n)}); err != nil {
				t.Fatal(err)
			}
		}
		if most := 2 * mostBundled; len(k.events) > most || n > most && len(k.events) != mostBundled+1 {
			t.Errorf("of %d events %d are in memory", n, len(k.events))
		}
		if err := k.Close(); err != nil || len(k.events) != min(n, mostBundled) || n > 0 && k.events[len(k.events)-1].ID != flow.ID(n) {
			t.Errorf("of %d events %d are kept, %v", n, len(k.events), err)
		}
	}
	k := &keeper{store: history.NewStore(history.Options{})}
	if err := k.Snapshot(&flow.Snapshot{Time: time.Unix(1e9, 0)}); err != nil || len(k.store.Times()) != 1 {
		t.Errorf("%d snapshots are kept, %v", len(k.store.Times()), err)
	}
}

// writes is a recording that fails at an event.
type writes struct {
	events []flow.ID
	fails  flow.ID
	closed int
}

func (w *writes) Snapshot(*flow.Snapshot) error { return nil }

func (w *writes) Event(e *flow.Event) error {
	if w.events = append(w.events, e.ID); e.ID == w.fails {
		return io.ErrShortWrite
	}
	return nil
}

func (w *writes) Close() error {
	w.closed++
	return nil
}

// Events are written until a snapshot is due, or nothing more comes.
func TestRecorderUntil(t *testing.T) {
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		ticks, ends, closes bool
		events              int
		fails               flow.ID
		done                bool
		err                 error
	}{
		"due": {ticks: true}, "interrupted": {ends: true, done: true},
		"gone": {closes: true, events: 2, done: true, err: gone}, "interrupted when all have come": {closes: true, ends: true, done: true},
		"full disk": {events: 3, fails: 2, done: true, err: io.ErrShortWrite},
	} {
		w := &writes{fails: c.fails}
		r := recorder{writer: w}
		ctx, cancel := context.WithCancel(t.Context())
		tick, events, failed := make(chan time.Time, 1), make(chan flow.Event, 5), make(chan error, 1)
		failed <- gone
		for i := range c.events {
			events <- flow.Event{ID: flow.ID(i + 1)}
		}
		if c.ticks {
			tick <- time.Time{}
		}
		if c.closes {
			close(events)
		}
		if c.ends {
			cancel()
		}
		done, err := r.until(ctx, tick, events, failed)
		if cancel(); done != c.done || !errors.Is(err, c.err) || err != nil && c.err == nil || r.events != len(w.events) {
			t.Errorf("%s: done: %t, %v, %d events", name, done, err, r.events)
		}
		if c.fails > 0 && r.events != int(c.fails) {
			t.Errorf("%s: %d events are written", name, r.events)
		}
	}
	w := &writes{}
	if err := (&recorder{writer: w}).finish(nil, gone); err != nil || w.closed != 1 {
		t.Errorf("after an error: %v, closed %d times", err, w.closed)
	}
}

// An error names the file once.
func TestFileOfAnError(t *testing.T) {
	f := &newFile{command: "record", name: "night.ctop"}
	for err, want := range map[error]string{
		nil: "<nil>", io.ErrShortWrite: "record night.ctop: short write", &os.PathError{Op: "write", Path: "/a/night.ctop", Err: unix.ENOSPC}: "record night.ctop: no space left on device",
	} {
		if got := fmt.Sprint(f.failed(err)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// logOf is a reader whose events and snapshots are given.
type logOf struct {
	*server
	list []flow.Event
}

func (k logOf) Events(uint64) ([]flow.Event, uint64) { return slices.Clone(k.list), 0 }

// A bundle over SSH has the events of the last ten minutes.
func TestRecentEvents(t *testing.T) {
	now := time.Now()
	list := []flow.Event{
		{ID: 1, Time: now.Add(-time.Hour)}, {ID: 2, Time: now.Add(-history.DefaultSpan - time.Minute)}, {ID: 3, Time: now.Add(-history.DefaultSpan + time.Minute)}, {ID: 4, Time: now},
	}
	got := remote{reader: logOf{list: list}}.recentEvents()
	if len(got) != 2 || got[0].ID != 3 {
		t.Errorf("%+v", got)
	}
}

// timed is a server whose snapshots are of the present.
type timed struct{ *server }

func (s timed) Snapshot() *flow.Snapshot {
	x := s.server.Snapshot()
	x.Time = time.Now()
	return x
}

// Snapshots are taken every second until there are as many as a bundle is to have, or for as
// long as that takes.
func TestFillOfBundles(t *testing.T) {
	// What packs snapshots is made with the first one, and other tests use it, too.
	history.NewStore(history.Options{}).Add(&flow.Snapshot{Time: time.Unix(1e9, 0)})
	synctest.Test(t, func(t *testing.T) {
		store := history.NewStore(history.Options{})
		r := remote{reader: timed{&server{}}, dumps: newDumps()}
		began := time.Now()
		if err := r.fill(t.Context(), store, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		if took, n := time.Since(began), len(store.Times()); took < 3*time.Second || took > 5*time.Second || n < 4 || n > 6 {
			t.Errorf("it takes %s to have %d snapshots", took, n)
		}
		began = time.Now()
		if err := r.fill(t.Context(), store, 3*time.Second); err != nil || time.Since(began) > 2*time.Second {
			t.Errorf("where there are some already it takes %s, %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := r.fill(ctx, history.NewStore(history.Options{}), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

// A bundle says what was set and by what, and in one for others no value that may say who and
// where.
func TestPlainSettings(t *testing.T) {
	list := []usedSetting{
		{"policy", "enforce", "file /home/ann/ctop.toml:3"},
		{"max-flows", "65536", "variable CTOP_MAX_FLOWS"},
		{"timeout", "icmp=5s", "flag"},
		{"ssh-keys", "/home/ann/keys", "flag"},
		{"collector", "udp://192.0.2.1:4739", "variable or file"},
		{"on", "eth0", "flag"},
		{"memory", "1.5GiB", "flag"},
		{"x", "5s eth0", "flag"},
	}
	before := slices.Clone(list)
	want := []usedSetting{
		{"policy", "enforce", "file"},
		{"max-flows", "65536", "variable"},
		{"timeout", "icmp=5s", "flag"},
		{"ssh-keys", removedValue, "flag"},
		{"collector", removedValue, "variable"},
		{"on", removedValue, "flag"},
		{"memory", "1.5GiB", "flag"},
		{"x", removedValue, "flag"},
	}
	if got := plainSettings(list); !slices.Equal(got, want) || !slices.Equal(list, before) {
		t.Errorf("%v, want %v", got, want)
	}
	s := &flow.Snapshot{Time: time.Unix(1e9, 0), Interfaces: []flow.Interface{{Name: "eth0"}}}
	for _, anonymise := range []bool{false, true} {
		files, err := aboutFiles(s, flow.Inventory{}, list, anonymise)
		if err != nil || len(files) != 2 || files[0].Name != "about.json" || files[1].Name != "tracker.json" || !bytes.Contains(files[1].Text, []byte("eth0")) {
			t.Fatalf("%v: %v", files, err)
		}
		var a about
		if err := json.Unmarshal(files[0].Text, &a); err != nil {
			t.Fatal(err)
		}
		expected := list
		if anonymise {
			expected = want
		}
		if a.Schema != "ctop.bundle/1" || a.Anonymised != anonymise || !slices.Equal(a.Settings, expected) || a.Kernel == "" || a.Machine == "" || a.Version == "" || strings.HasSuffix(a.Version, "\n") {
			t.Errorf("anonymised %t: %+v", anonymise, a)
		}
	}
}

// Settings are those of variables first, then of the files.
func TestSettingsInEffect(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "ctop"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ctop", "config.toml")
	if err := os.WriteFile(path, []byte("\npolicy = \"enforce\"\ntimeout = {icmp = \"5s\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{"XDG_CONFIG_HOME": dir, "CTOP_MODE": "tc", "HOME": dir}[name]
	}
	root := newRootCommand(env{getenv: getenv})
	list, err := settingsInEffect(root, getenv)
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(s usedSetting) bool { return strings.HasPrefix(s.From, "file /etc/") })
	want := []usedSetting{{"mode", "tc", "variable CTOP_MODE"}, {"policy", "enforce", "file " + path + ":2"}, {"timeout", "icmp=5s", "file " + path + ":3"}}
	if !slices.Equal(list, want) {
		t.Errorf("%v, want %v", list, want)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := settingsInEffect(root, getenv); err == nil {
		t.Error("a damaged file is read")
	}
	cmd := &cobra.Command{}
	for _, name := range []string{"given", "variable", "standard"} {
		cmd.Flags().String(name, "x", "")
	}
	for _, name := range []string{"given", "variable"} {
		if err := cmd.Flags().Set(name, "y"); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Flags().Lookup("variable").Annotations = map[string][]string{fromVariable: {}}
	if got := flagsInEffect(cmd); !slices.Equal(got, []usedSetting{{"given", "y", "flag"}, {"variable", "y", "variable or file"}}) {
		t.Errorf("%v", got)
	}
}

// A settings file is read up to a size, and only if it is a file.
func TestReadUpTo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	const most = 3 << 20
	for size, fine := range map[int]bool{0: true, most: true, most + 1: false} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := readUpTo(path, most)
		if (err == nil) != fine || fine && len(text) != size || !fine && !strings.HasSuffix(err.Error(), "is longer than 3 MiB, too long for settings: shorten it") {
			t.Errorf("%d bytes: %d, %v", size, len(text), err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, filepath.Join(dir, "pipe")} {
		if _, err := readUpTo(name, most); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readUpTo(filepath.Join(dir, "none"), most); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Lines for people have no control characters, and on a terminal that prints lines nothing
// that it may lack.
func TestNotes(t *testing.T) {
	var out bytes.Buffer
	n, err := cleaned{&out}.Write([]byte("a\tb\x1b[2J\nc"))
	if n != 9 || err != nil || out.String() != "a    b·[2J\nc" {
		t.Errorf("%q, %d, %v", out.String(), n, err)
	}
	if n, err := (cleaned{brokenWriter{}}).Write([]byte("a")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	for term, want := range map[string]string{"dumb": "ctop: a > 1\n", "xterm": "ctop: a → 1\n"} {
		out.Reset()
		env{stderr: &out, getenv: func(string) string { return term }}.note("a → %d", 1)
		if out.String() != want {
			t.Errorf("on %s: %q, want %q", term, out.String(), want)
		}
	}
	out.Reset()
	if (env{stderr: &out}).note("x"); out.String() != "ctop: x\n" {
		t.Errorf("%q", out.String())
	}
}

// brokenWriter takes nothing.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// An error that no tracker runs, or several, says what to do.
func TestAdvise(t *testing.T) {
	other := errors.New("other")
	for err, want := range map[error]string{nil: "<nil>", tracker.ErrNotRunning: ": one", tracker.ErrAmbiguous: ": many", other: "other"} {
		if got := fmt.Sprint(advise(err, "one", "many")); !strings.HasSuffix(got, want) || !errors.Is(advise(err, "one", "many"), err) {
			t.Errorf("%v becomes %q", err, got)
		}
	}
}

// The labs of a fleet have names and addresses of their own.
func TestLabsOfAFleet(t *testing.T) {
	seen := map[string]bool{}
	for i := range mostLabs {
		o := fleetLab(i)
		for _, name := range []string{o.Client.Name, o.Client.Port, o.Server.Name, o.Server.Port} {
			if seen[name] || !strings.Contains(name, fmt.Sprint(i+1)) {
				t.Errorf("lab %d has the name %s", i, name)
			}
			seen[name] = true
		}
		for _, addr := range slices.Concat(o.Client.Addrs, o.Server.Addrs) {
			if seen[addr.String()] {
				t.Errorf("lab %d has the address %s of another", i, addr)
			}
			seen[addr.String()] = true
		}
		if len(o.Client.Addrs) != 3 || len(o.Server.Addrs) != 2 || o.Client.Addrs[0].String() != fmt.Sprintf("10.0.%d.1/24", i) {
			t.Errorf("lab %d: %+v", i, o)
		}
	}
	d := demoFleet{demoCommand: &demoCommand{labs: 5}}
	if d.hosts() != 5 {
		t.Errorf("%d hosts", d.hosts())
	}
	if d.pair = true; d.hosts() != 2 {
		t.Errorf("a pair has %d hosts", d.hosts())
	}
	var ended []int
	for i := range 3 {
		d.ends = append(d.ends, func() error { ended = append(ended, i); return fmt.Errorf("%d", i) })
	}
	if err := d.end(); !slices.Equal(ended, []int{2, 1, 0}) || fmt.Sprint(err) != "2\n1\n0" {
		t.Errorf("it ends %d, %v", ended, err)
	}
	done := d.started(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return errors.New("ended") })
	if err := d.ends[len(d.ends)-1](); fmt.Sprint(err) != "ended" || len(done) != 0 {
		t.Errorf("a part ends with %v", err)
	}
}
