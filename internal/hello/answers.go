package hello

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// mostAnswers is how many addresses have names, shortestAnswer and longestAnswer how
	// long: programs keep addresses for a while, whatever the answer says.
	mostAnswers    = 1 << 16
	shortestAnswer = time.Minute
	longestAnswer  = time.Hour
)

// Answers are the names by which clients found addresses. It is safe for concurrent use.
type Answers struct {
	mu    sync.RWMutex
	names map[found]answer
	// order are the keys, the oldest first; next is the place of the next one.
	order []found
	next  int
}

// found is an address that a client asked for. Another client may have another name for it.
type found struct{ client, address netip.Addr }

type answer struct {
	name  string
	until time.Time
}

// Add keeps what a client was told. The latest name that it asked for counts.
func (a *Answers) Add(client netip.Addr, told *Answer, now time.Time) {
	if told.Name == "" {
		return
	}
	until := now.Add(min(max(told.TTL, shortestAnswer), longestAnswer))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names == nil {
		a.names = map[found]answer{}
	}
	for _, address := range told.Addresses {
		a.add(found{client, address.Unmap()}, answer{told.Name, until})
	}
}

func (a *Answers) add(key found, to answer) {
	if _, known := a.names[key]; !known {
		if len(a.order) < mostAnswers {
			a.order = append(a.order, key)
		} else {
			delete(a.names, a.order[a.next])
			a.order[a.next] = key
			a.next = (a.next + 1) % mostAnswers
		}
	}
	a.names[key] = to
}

// Name returns the name by which a client found an address, empty if that is not known.
func (a *Answers) Name(client, address netip.Addr, now time.Time) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if to, known := a.names[found{client, address.Unmap()}]; known && now.Before(to.until) {
		return to.name
	}
	return ""
}

// Len returns the number of addresses with names.
func (a *Answers) Len() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.names)
}
