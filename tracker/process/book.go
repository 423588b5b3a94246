package process

import (
	"bytes"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// Seen is a process as the programs saw it.
type Seen struct {
	// StartNs is when it began, in nanoseconds since boot.
	StartNs uint64
	// Cgroup is the ID of its control group of version 2.
	Cgroup   uint64
	PID, UID uint32
	Name     [16]byte
}

// name returns the name up to its end.
func (s *Seen) name() string {
	text, _, _ := bytes.Cut(s.Name[:], []byte{0})
	return string(text)
}

// unnamed returns what was seen but for the name.
func (s *Seen) unnamed() Seen {
	u := *s
	u.Name = [len(u.Name)]byte{}
	return u
}

const (
	// maxEntries bounds the processes that a book knows.
	maxEntries = 1 << 14
	// checkEvery is how often a process is looked at again: it may have ended, or
	// have become another program.
	checkEvery = 3 * time.Second
	// maxRenames bounds how often it is looked at sooner, as it was seen with another
	// name: one that was met between fork and exec has that of its parent.
	maxRenames = 8
	// maxUsers bounds the names of users, which are read again after usersFor.
	maxUsers = 1 << 12
	usersFor = time.Minute
)

// Book knows processes by what was seen of them. Its methods are safe for concurrent
// use.
type Book struct {
	all bool

	mu      sync.Mutex
	entries map[Seen]*entry
	users   map[uint32]string
	read    time.Time
	boot    time.Time
	paths   paths
}

// entry is a process, and when it was last looked at and asked for.
type entry struct {
	process       *flow.Process
	checked, used time.Time
	// met is set if the process was alive when it was first looked at.
	met bool
	// seen is the name with which it was seen at the last look, renames how many looks
	// names have caused since the last one that was due.
	seen    [16]byte
	renames int
}

// due reports whether to look at a process again, and notes that it is done.
func (e *entry) due(s *Seen, now time.Time) bool {
	switch {
	case now.Sub(e.checked) > checkEvery:
		e.renames = 0
	case s.Name != e.seen && s.name() != e.process.Name && e.renames < maxRenames:
		e.renames++
	default:
		return false
	}
	e.checked, e.seen = now, s.Name
	return true
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{all: seesAll(), entries: map[Seen]*entry{}, boot: bootTime()}
}

// bootTime returns the time of day at which the machine began.
func bootTime() time.Time {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(since.Nano()))
}

// Process returns the process that was seen. The result is shared.
func (b *Book) Process(s *Seen) *flow.Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	e := b.known(s)
	if e == nil {
		e = b.enter(s, now)
	} else if e.due(s, now) {
		e.process = b.check(s, e.process)
	}
	e.used = now
	return e.process
}

// known returns the entry of a process. One that was met alive is known by any name: it may
// take as many as it likes.
func (b *Book) known(s *Seen) *entry {
	if e := b.entries[s.unnamed()]; e != nil && e.met {
		return e
	}
	return b.entries[*s]
}

func (b *Book) enter(s *Seen, now time.Time) *entry {
	b.makeRoom(now)
	e := &entry{process: b.describe(s, now), checked: now, seen: s.Name}
	e.met = b.all && !e.process.Gone
	key := *s
	if e.met {
		key = s.unnamed()
	}
	b.entries[key] = e
	return e
}

// describe finds out about a process that was not seen before.
func (b *Book) describe(s *Seen, now time.Time) *flow.Process {
	p := &flow.Process{
		PID: s.PID, UID: s.UID, User: b.user(s.UID, now),
		Name:    s.name(),
		Started: b.boot.Add(time.Duration(s.StartNs)).Truncate(userHZ),
	}
	if b.all && lives(s) {
		return b.alive(s, p)
	}
	p.Gone = b.all
	b.group(p, b.paths.named(s.Cgroup, now))
	return p
}

// check looks at a process again. It returns the same one if nothing has changed.
func (b *Book) check(s *Seen, p *flow.Process) *flow.Process {
	if !b.all || p.Gone {
		return p
	}
	now := *p
	if !lives(s) {
		now.Gone = true
		return &now
	}
	if b.alive(s, &now); now == *p {
		return p
	}
	return &now
}

// alive adds what /proc has of a process that lives. It may end meanwhile, and its PID
// be given to another: then nothing is taken over.
func (b *Book) alive(s *Seen, p *flow.Process) *flow.Process {
	found := *p
	if n := name(s.PID); n != "" {
		found.Name = n
	}
	if c := command(s.PID); c != "" {
		found.Command = c
	}
	b.group(&found, groups(s.PID))
	if lives(s) {
		*p = found
	}
	return p
}

func (b *Book) group(p *flow.Process, g Group) {
	if g != (Group{}) {
		p.Unit, p.Container, p.Pod = g.Unit, g.Container, g.Pod
	}
}

// user returns the name of a user, or the UID where it has none.
func (b *Book) user(uid uint32, now time.Time) string {
	if now.Sub(b.read) > usersFor || len(b.users) >= maxUsers {
		b.users, b.read = map[uint32]string{}, now
	}
	if name, ok := b.users[uid]; ok {
		return name
	}
	id := strconv.FormatUint(uint64(uid), 10)
	name := id
	if u, err := user.LookupId(id); err == nil && !strings.ContainsAny(u.Username, "\n\t ") {
		name = u.Username
	}
	b.users[uid] = name
	return name
}

// makeRoom forgets the processes that nobody asked for since the last look at others,
// and all where that is not enough.
func (b *Book) makeRoom(now time.Time) {
	if len(b.entries) < maxEntries {
		return
	}
	for s, e := range b.entries {
		if now.Sub(e.used) > checkEvery {
			delete(b.entries, s)
		}
	}
	if len(b.entries) >= maxEntries {
		clear(b.entries)
	}
}
