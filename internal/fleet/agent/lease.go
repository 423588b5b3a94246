package agent

import (
	"slices"
	"sync"
	"time"

	"ctop/internal/fleet"
)

const (
	// maxLeases is how many things of a kind consoles may look at.
	maxLeases = 16
	// maxHolders is how many consoles of a key are told apart that look at the same.
	maxHolders = 64
)

// holder is a console: the name of its key, which the server has checked, and what it calls
// itself. Those of earlier versions have no key, and some no name.
type holder struct{ key, from string }

// lease is something that some console looks at.
type lease[T any] struct {
	name  string
	of    T
	begun time.Time
	until time.Time
	// holders are the consoles that look at it, and until when.
	holders map[holder]time.Time
}

// hold renews the part of a console in a lease.
func (l *lease[T]) hold(by holder, now time.Time) {
	l.until = now.Add(fleet.Lease)
	if len(l.holders) >= maxHolders {
		by.from = ""
	}
	l.holders[by] = l.until
}

// release ends the part of a console. A lease that nobody else holds is over.
func (l *lease[T]) release(by holder, now time.Time) {
	if _, held := l.holders[by]; !held {
		return
	}
	delete(l.holders, by)
	l.until = now.Add(-1)
	for _, until := range l.holders {
		if until.After(l.until) {
			l.until = until
		}
	}
}

// owner returns the key whose consoles alone hold a lease. A console says what it wants without
// its key, too, for hosts of earlier versions: that counts only where no key does.
func (l *lease[T]) owner() (key string, alone bool) {
	alone = true
	for by := range l.holders {
		if by.key != "" {
			alone = alone && (key == "" || key == by.key)
			key = by.key
		}
	}
	return key, alone
}

// leases are what consoles look at, of one kind, by its names. The zero value has none.
type leases[T any] struct {
	// remembered is how long after its end a lease goes on where it was if it is renewed.
	remembered time.Duration

	mu   sync.Mutex
	held map[string]*lease[T]
	// more is closed when there is another lease.
	more chan struct{}
}

// renew takes the lease of a console, which then looks at nothing else of the kind if it has a
// name. begin returns what it is about where nobody looks at that. It reports whether there is
// room, and begin had no error.
func (l *leases[T]) renew(name string, by holder, now time.Time, begin func() (T, error)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other, one := range l.held {
		if by.from != "" && other != name {
			one.release(by, now)
		}
	}
	l.drop(now)
	one := l.held[name]
	if one == nil {
		of, err := begin()
		if err != nil || len(l.held) >= maxLeases && !l.makeRoom(by.key) {
			return false
		}
		if l.held == nil {
			l.held = map[string]*lease[T]{}
		}
		one = &lease[T]{name: name, of: of, begun: now, holders: map[holder]time.Time{}}
		l.held[name] = one
	}
	asleep := now.After(one.until)
	if one.hold(by, now); asleep && l.more != nil {
		close(l.more)
		l.more = nil
	}
	return true
}

// makeRoom ends the latest lease of the key that has most for itself, if another key is to have
// one and still has fewer then. It reports whether it did.
func (l *leases[T]) makeRoom(key string) bool {
	own := map[string][]*lease[T]{}
	for _, one := range l.held {
		if owner, alone := one.owner(); alone {
			own[owner] = append(own[owner], one)
		}
	}
	var most []*lease[T]
	for owner, list := range own {
		if owner != key && len(list) > len(most) {
			most = list
		}
	}
	if len(most) <= len(own[key])+1 {
		return false
	}
	latest := slices.MaxFunc(most, func(a, b *lease[T]) int { return a.begun.Compare(b.begun) })
	delete(l.held, latest.name)
	return true
}

// drop forgets leases that are over, and consoles that do not renew theirs.
func (l *leases[T]) drop(now time.Time) {
	for name, one := range l.held {
		if now.After(one.until.Add(l.remembered)) {
			delete(l.held, name)
			continue
		}
		for by, until := range one.holders {
			if now.After(until) && until.Before(one.until) {
				delete(one.holders, by)
			}
		}
	}
}

// alive returns the leases, and a channel that is closed when there is another one.
func (l *leases[T]) alive(now time.Time) (list []*lease[T], more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(now)
	for _, one := range l.held {
		if !now.After(one.until) {
			list = append(list, one)
		}
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return list, l.more
}

func (l *leases[T]) count(now time.Time) int {
	list, _ := l.alive(now)
	return len(list)
}
