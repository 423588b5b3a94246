package firstseen

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

const (
	// mostMarked is the number of flows that are marked or watched at a time.
	mostMarked = 1 << 16
	// mostTold is how many flows a snapshot tells one by one, mostNews how much is kept
	// for consoles.
	mostTold = 10
	mostNews = 200
	// longestLook is how much of the time between two looks counts as learning: a
	// machine that was suspended learned nothing.
	longestLook = 10 * time.Second
	// saveEvery is how often the file is written.
	saveEvery = 5 * time.Minute
)

// Options configure a watch.
type Options struct {
	// Learn is how long it learns before it marks.
	Learn time.Duration
	// File keeps what was learned, if it is not empty.
	File string
	Log  *slog.Logger
}

// Watch learns from snapshots and marks their flows. It is safe for concurrent use.
type Watch struct {
	options Options

	mu      sync.Mutex
	book    *book
	learned time.Duration
	last    time.Time
	saved   time.Time
	// flows are those that are marked, or wait for an answer to be learned.
	flows map[flow.ID]mark
	// news are the latest lines, of which there were total.
	news   []flow.News
	total  uint64
	marked int
	firsts uint64
	full   bool
	told   bool
}

// mark is what is known of a flow.
type mark uint8

const (
	first   mark = 1 << iota // it brought something for the first time
	waiting                  // it was not answered yet
)

// NewWatch returns a watch, with what the file has. An error is about the file: the watch
// begins with nothing.
func NewWatch(o Options) (*Watch, error) {
	w := &Watch{options: o, flows: map[flow.ID]mark{}}
	var err error
	if o.File != "" {
		w.book, w.learned, err = load(o.File)
	}
	if w.book == nil {
		var seed [16]byte
		_, _ = rand.Read(seed[:]) // it never fails
		w.book, w.learned = newBook(seed), 0
	}
	return w, err
}

// Look marks the flows of a snapshot, and learns from it. It returns the processor time
// that it took.
func (w *Watch) Look(s *flow.Snapshot) time.Duration {
	began := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin(s.Time)
	learning := w.learned < w.options.Learn
	w.book.learned = !learning
	since := s.Time.Sub(w.last) + time.Second
	all := w.last.IsZero()
	w.last = s.Time
	var found []finding
	next := make(map[flow.ID]mark, len(w.flows))
	for i := range s.Flows {
		f := &s.Flows[i]
		m := w.flows[f.ID]
		if all || f.Age < since && m == 0 || m&waiting != 0 {
			one := w.examine(f, learning, m)
			if m = one.mark; one.any() {
				found = append(found, one)
			}
		}
		if m != 0 && len(next) < mostMarked {
			next[f.ID] = m
		}
		f.Holding.First = m&first != 0
	}
	w.flows = next
	w.learn(found, s.Time)
	w.marked = 0
	for _, m := range next {
		w.marked += int(m & first)
	}
	s.News = slices.Clone(w.news)
	w.save(s.Time)
	return time.Since(began)
}

// begin tells that it learns, and counts the time for which it did.
func (w *Watch) begin(now time.Time) {
	if w.last.IsZero() {
		w.saved = now
	} else if now.After(w.last) {
		before := w.learned
		w.learned = min(w.learned+min(now.Sub(w.last), longestLook), w.options.Learn)
		if before < w.options.Learn && w.learned == w.options.Learn {
			w.tell(now, "first seen: learned "+format.Count(len(w.book.facts))+" things: what is new from now on is marked")
		}
		return
	} else {
		return
	}
	left := w.options.Learn - w.learned
	if left > 0 {
		w.tell(now, "first seen: learning what is usual for "+format.Words(left.Round(time.Second))+", nothing is marked until then")
		return
	}
	w.tell(now, "first seen: "+format.Count(len(w.book.facts))+" things are usual: what is new is marked")
}

// finding is what a flow has that is not known.
type finding struct {
	party party
	facts [numKinds]fact
	n     int
	// news are the kinds that are new.
	news [numKinds]bool
	mark mark
	// learns is set if the flow was answered, so that what it has becomes known.
	learns bool
}

func (f *finding) any() bool { return f.mark != 0 || f.learns }

// examine looks at what a flow has that is not known.
func (w *Watch) examine(f *flow.Flow, learning bool, before mark) (found finding) {
	p, began := partyOf(f)
	found = finding{party: p, mark: before &^ waiting}
	found.facts, found.n = w.book.factsOf(&p)
	for k := range found.n {
		if w.book.knows(found.facts[k]) {
			continue
		}
		found.learns = true
		if !learning && began && before == 0 && !w.book.full(found.facts[k]) {
			found.news[k] = true
			found.mark |= first
		}
	}
	if found.learns && !f.Reply.Seen() {
		found.learns = false
		found.mark |= waiting
	}
	return found
}

// learn remembers what was found, and tells it.
func (w *Watch) learn(found []finding, now time.Time) {
	told, more := 0, 0
	for i := range found {
		one := &found[i]
		if one.news != [numKinds]bool{} {
			w.firsts++
			if told < mostTold {
				w.tell(now, one.String())
				told++
			} else {
				more++
			}
		}
		for k := 0; one.learns && k < one.n; k++ {
			if !w.book.learn(one.facts[k]) {
				w.full = true
			}
		}
	}
	if more > 0 {
		w.tell(now, "first seen: and "+format.Plural(more, "flow")+" more at the same time; the filter first-seen shows them")
	}
	if w.full && !w.told {
		w.told = true
		w.tell(now, "first seen: full: "+format.Count(len(w.book.facts))+" things are known; what does not fit is not marked")
	}
}

// String says what a flow brought.
func (f *finding) String() string {
	var kinds []string
	for k, is := range f.news {
		if is {
			kinds = append(kinds, kindNames[k])
		}
	}
	who := f.party.process
	if who == "" {
		who = f.party.local.Unmap().String()
	}
	arrow := " → "
	if !f.party.outward {
		arrow = " ← "
	}
	text := "first seen: " + who + arrow + f.party.peer.Unmap().String()
	if f.party.proto.HasPorts() {
		text += fmt.Sprintf(", port %d/%s", f.party.port, f.party.proto)
	} else {
		text += ", " + f.party.proto.String()
	}
	return text + " (new " + strings.Join(kinds, ", ") + ")"
}

// tell adds a line.
func (w *Watch) tell(now time.Time, text string) {
	w.total++
	w.news = append(w.news, flow.News{Number: w.total, Time: now, Text: text})
	if over := len(w.news) - mostNews; over > 0 {
		w.news = slices.Delete(w.news, 0, over)
	}
	w.options.Log.Info(format.Clean(text))
}

// Status is what a watch knows.
type Status struct {
	// Known is the number of things that are usual. Full is set if there was no room for
	// some.
	Known int
	Full  bool
	// Left is the time that it will still learn before it marks.
	Left time.Duration
	// Marked is the number of marked flows that there are, Total of all that there were.
	Marked int
	Total  uint64
}

// Status returns what the watch knows.
func (w *Watch) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{Known: len(w.book.facts), Full: w.full, Left: w.options.Learn - w.learned, Marked: w.marked, Total: w.firsts}
}
