package netdev

import (
	"sync"
	"time"

	"ctop/tracker/flow"
)

// lookAgain is how long Uses may return a remembered result if the kernel
// reports no change.
const lookAgain = 10 * time.Second

// uses caches how the machine uses the tracker's interfaces. Reading that lists
// all interfaces and addresses.
type uses struct {
	mu   sync.Mutex
	now  []string
	read time.Time
	// refused holds the interfaces that the guard refused, by point.
	refused map[int]refusedLink
}

// refusedLink is the index of a refused interface and the reason.
type refusedLink struct {
	index int
	err   error
	read  time.Time
}

// refuse saves a refusal. The caller holds the mutex.
func (u *uses) refuse(i int, r refusedLink) {
	if u.refused == nil {
		u.refused = map[int]refusedLink{}
	}
	u.refused[i] = r
}

// ForgetUses clears the caches of Uses and UpdateLocals.
func (a *Attachments) ForgetUses() {
	a.locals.mu.Lock()
	a.locals.read = time.Time{}
	a.locals.mu.Unlock()
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	a.uses.read, a.uses.refused = time.Time{}, nil
}

// Uses describes how the machine uses each interface. An entry is empty if the
// machine does not use it or the operator forced the attachment. Routes are not
// checked, since reading them takes too long on a router.
func (a *Attachments) Uses() []string {
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	if a.uses.read.IsZero() || time.Since(a.uses.read) > lookAgain {
		if now, err := a.readUses(); err == nil {
			a.uses.now = now
		}
		a.uses.read = time.Now()
	}
	return a.uses.now
}

func (a *Attachments) readUses() ([]string, error) {
	m, err := readMachine()
	if err != nil {
		return nil, err
	}
	points := PerInterface(a.registry.Points())
	now := make([]string, len(points))
	for i, p := range points {
		if p.Role == flow.RoleWatch {
			continue // the machine is meant to use it
		}
		if l, err := p.Link(); err == nil && !p.Forced {
			now[i] = m.use(l)
		}
	}
	return now, nil
}

// UsedWarning returns the warning for a tracked interface that the machine
// uses.
func UsedWarning(name, use string) flow.Warning {
	return flow.Warning{Kind: flow.WarningUsed, Interfaces: []string{name}, Detail: use}
}
