package firstseen

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

var start = time.Date(2026, 7, 22, 21, 4, 5, 0, time.UTC)

// opened returns an answered connection that began a moment ago.
func opened(id int, from, to string) flow.Flow {
	return flow.Flow{
		ID: flow.ID(id), State: flow.StateEstablished,
		Tuple:  flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(from), Dst: flow.MustParseEnd(to)},
		Origin: flow.Half{Packets: 2, WindowKnown: true}, Reply: flow.Half{Packets: 1, WindowKnown: true},
	}
}

// watcher has a watch look at snapshots, a second after each other.
type watcher struct {
	*Watch
	t      testing.TB
	second int
}

func newWatcher(t testing.TB, o Options) *watcher {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w, err := NewWatch(o)
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{Watch: w, t: t}
}

// look returns which flows are marked.
func (w *watcher) look(flows ...flow.Flow) (marked []flow.ID) {
	s := &flow.Snapshot{Time: start.Add(time.Duration(w.second) * time.Second), Flows: flows}
	w.second++
	w.Look(s)
	for i := range s.Flows {
		if s.Flows[i].Holding.First {
			marked = append(marked, s.Flows[i].ID)
		}
	}
	return marked
}

func (w *watcher) lines() string {
	var all []string
	for _, n := range w.news {
		all = append(all, n.Text)
	}
	return strings.Join(all, "\n")
}

func (w *watcher) marks(want string, flows ...flow.Flow) {
	w.t.Helper()
	if got := fmt.Sprint(w.look(flows...)); got != want {
		w.t.Errorf("second %d: marked are %s, want %s", w.second-1, got, want)
	}
}

const none, one = "[]", "[0000000000000002]"

// What came while it learned is usual afterwards; a new port, network or address is not.
func TestLearnsAndMarks(t *testing.T) {
	w := newWatcher(t, Options{Learn: 3 * time.Second})
	known := opened(1, "10.0.0.1:40000", "192.0.2.7:443")
	w.marks(none, known)
	if s := w.Status(); s.Left != 3*time.Second || s.Known != 3 {
		t.Errorf("%+v", s)
	}
	for range 3 {
		w.marks(none, known)
	}
	for _, c := range []struct{ from, to, new string }{
		{"10.0.0.1:40001", "192.0.2.7:443", ""},
		{"10.0.0.1:40002", "192.0.2.7:22", "port"},
		{"10.0.0.1:40003", "192.0.2.8:22", "address"},
		{"10.0.0.1:40004", "198.51.100.8:443", "network, address"},
		{"10.0.0.1:40004", "[2001:db8::1]:443", "network, address"},
		{"10.0.0.2:40004", "192.0.2.7:443", "port, network, address"},
	} {
		before := w.Status().Total
		want := one
		if c.new == "" {
			want = none
		}
		f := opened(2, c.from, c.to)
		w.marks(want, known, f)
		w.marks(want, known, f) // as long as it lives
		w.marks(none, known)
		if c.new != "" && (w.Status().Total != before+1 || !strings.HasSuffix(w.lines(), "(new "+c.new+")")) {
			t.Errorf("%s: told\n%s", c.to, w.lines())
		}
		again := opened(3, c.from, c.to)
		w.marks(none, known, again) // now it is usual
		w.marks(none)
	}
	if text := w.lines(); !strings.Contains(text, "learning what is usual for 3 seconds, nothing is marked until then") ||
		!strings.Contains(text, "first seen: learned 3 things: what is new from now on is marked") ||
		!strings.Contains(text, "first seen: 10.0.0.1 → 192.0.2.7, port 22/tcp (new port)") {
		t.Errorf("told\n%s", text)
	}
}

// A process is who it belongs to, wherever it runs; at a server any client may come, but
// its network is told.
func TestWhose(t *testing.T) {
	w := newWatcher(t, Options{Learn: time.Second})
	served := func(id int, from string) flow.Flow {
		f := opened(id, from, "10.0.0.1:80")
		f.SetLocal(flow.EndReply)
		f.Holding.Process = &flow.Process{Name: "nginx"}
		return f
	}
	w.look(served(1, "192.0.2.7:40000"))
	w.look()
	w.marks(none, served(2, "192.0.2.9:40000"))
	w.marks(none)
	w.marks(one, served(2, "198.51.100.9:40000"))
	if !strings.HasSuffix(w.lines(), "first seen: nginx ← 198.51.100.9, port 80/tcp (new network)") {
		t.Errorf("told\n%s", w.lines())
	}
}

// What nobody answers is marked, and not learned: a scan teaches nothing.
func TestUnanswered(t *testing.T) {
	w := newWatcher(t, Options{Learn: time.Second})
	w.look()
	w.look()
	f := opened(2, "10.0.0.1:40000", "192.0.2.7:23")
	f.State, f.Reply, f.Origin.WindowKnown = flow.StateSynSent, flow.Half{}, false
	w.marks(one, f)
	w.marks(one, f)
	if n := w.Status().Known; n != 0 {
		t.Errorf("%d things were learned", n)
	}
	f = opened(2, "10.0.0.1:40000", "192.0.2.7:23")
	w.marks(one, f)
	w.marks(none, opened(3, "10.0.0.1:40001", "192.0.2.7:23"))
	if s := w.Status(); s.Known != 3 || s.Total != 1 {
		t.Errorf("%+v", s)
	}
}

// A connection that was met midstream is usual, and is not marked.
func TestMidstream(t *testing.T) {
	w := newWatcher(t, Options{Learn: time.Second})
	w.look()
	w.look()
	f := opened(2, "192.0.2.7:443", "10.0.0.1:40000") // seen the wrong way round
	f.Origin.WindowKnown = false
	w.marks(none, f)
}

// A scan fills neither the memory nor the room of others, and it is told that it is full.
func TestScan(t *testing.T) {
	w := newWatcher(t, Options{Learn: time.Second})
	w.look(opened(1, "10.0.0.9:40000", "192.0.2.7:443"))
	w.look()
	scan := make([]flow.Flow, 65535)
	for i := range scan {
		scan[i] = opened(i+10, "10.0.0.1:40000", fmt.Sprintf("192.0.2.7:%d", i+1))
	}
	w.look(scan...)
	s := w.Status()
	if s.Known > 3+2+mostOfOne || !s.Full || s.Total != 65535 {
		t.Errorf("%+v", s)
	}
	if text := w.lines(); strings.Count(text, "(new ") != mostTold || !strings.Contains(text, "and 65,525 flows more at the same time") || !strings.Contains(text, "first seen: full: ") {
		t.Errorf("told\n%.2000s", text)
	}
	w.marks(none, opened(99999, "10.0.0.1:40000", "192.0.2.7:65000")) // not known: it does not fit
	w.marks("[000000000001869f]", opened(99999, "10.0.0.9:40000", "192.0.2.7:22"))
	if text := w.lines(); strings.Count(text, "first seen: full: ") != 1 {
		t.Errorf("told again\n%.2000s", text)
	}
	for i := range MostFacts/mostOfOne + 2 {
		for j := range scan {
			scan[j].ID, scan[j].Tuple.Src = flow.ID(i*100000+j), flow.MustParseEnd(fmt.Sprintf("10.1.0.%d:1", i))
			scan[j].Age = 0
		}
		w.look(scan[:4200]...)
	}
	if n := w.Status().Known; n > MostFacts {
		t.Errorf("%d things are known", n)
	}
	if n := len(w.flows); n > mostMarked {
		t.Errorf("%d flows are marked", n)
	}
}

// A restart keeps what was learned, and how long.
func TestRestartKeeps(t *testing.T) {
	o := Options{Learn: 10 * time.Second, File: filepath.Join(t.TempDir(), "state", "usual-eth0")}
	w := newWatcher(t, o)
	known := opened(1, "10.0.0.1:40000", "192.0.2.7:443")
	for range 7 {
		w.look(known)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(o.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	w = newWatcher(t, o)
	if s := w.Status(); s.Left != 4*time.Second || s.Known != 3 {
		t.Errorf("%+v", s)
	}
	for range 5 {
		w.look()
	}
	w.marks(none, known)
	w.marks(one, opened(2, "10.0.0.1:40000", "192.0.2.7:22"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = newWatcher(t, o)
	w.look()
	if text := w.lines(); text != "first seen: 4 things are usual: what is new is marked" {
		t.Errorf("told %q", text)
	}
}

// The file is written every five minutes, first that long after the first look.
func TestWritesAtTimes(t *testing.T) {
	o := Options{Learn: time.Hour, File: filepath.Join(t.TempDir(), "usual")}
	w := newWatcher(t, o)
	const every = int(saveEvery / time.Second)
	for _, c := range []struct {
		second  int
		written bool
	}{{0, false}, {1, false}, {every - 1, false}, {every, true}, {every + 1, false}, {2*every - 1, false}, {2 * every, true}} {
		_ = os.Remove(o.File)
		w.second = c.second
		w.look(opened(1, "10.0.0.1:40000", "192.0.2.7:443"))
		if _, err := os.Stat(o.File); (err == nil) != c.written {
			t.Errorf("second %d: %v", c.second, err)
		}
	}
}

// A damaged file is reported, and learned again.
func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usual")
	b := newBook([16]byte{1})
	b.learn(fact{1, 2})
	good := b.encode(time.Second)
	for name, text := range map[string][]byte{
		"empty": nil, "text": []byte("what is usual"), "cut": good[:len(good)-3], "longer": append(bytes.Clone(good), 0),
		"another": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]+1),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := NewWatch(Options{Learn: time.Hour, File: file, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "it is learned again") || w == nil || w.Status().Left != time.Hour {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b := newBook([16]byte{1})
	b.learn(fact{1, 2})
	f.Add(b.encode(time.Second))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, text []byte) {
		if b, learned, err := decode(text); err == nil && (len(b.facts) > MostFacts || learned < 0) {
			t.Errorf("%d facts, learned for %s", len(b.facts), learned)
		}
	})
}

func BenchmarkLook(b *testing.B) {
	w := newWatcher(b, Options{Learn: time.Second})
	flows := make([]flow.Flow, 100_000)
	for i := range flows {
		flows[i] = opened(i+1, fmt.Sprintf("10.0.0.%d:40000", i%8), fmt.Sprintf("192.%d.%d.7:443", i>>8&255, i&255))
		if i >= 1000 {
			flows[i].Age = time.Hour
		}
	}
	w.look(flows...)
	w.look(flows...)
	for b.Loop() {
		w.look(flows...)
	}
}

// The newest lines are kept, and they are numbered on.
func TestKeepsNewestLines(t *testing.T) {
	w := newWatcher(t, Options{})
	for range mostNews + 1 {
		w.tell(start, "")
		if n := len(w.news); n != min(int(w.total), mostNews) {
			t.Fatalf("%d of %d lines", n, w.total)
		}
	}
	if first := w.news[0].Number; first != 2 {
		t.Errorf("the first one is %d", first)
	}
}
