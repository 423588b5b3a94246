package netdev

import (
	"sync"
	"time"

	"ctop/tracker/flow"
)

// lookAgain is how long what is known of the machine's use of the interfaces may
// be shown where the kernel tells of no change.
const lookAgain = 10 * time.Second

// uses remembers how the machine uses the tracker's interfaces, since finding out
// lists all of its interfaces and addresses.
type uses struct {
	mu   sync.Mutex
	now  []string
	read time.Time
	// refused has, by point, what the guard did not let come back.
	refused map[int]refusedLink
}

// refusedLink is an interface that the guard refused, by its index, with the reason.
type refusedLink struct {
	index int
	err   error
	read  time.Time
}

// refuse remembers a refusal. The mutex is held.
func (u *uses) refuse(i int, r refusedLink) {
	if u.refused == nil {
		u.refused = map[int]refusedLink{}
	}
	u.refused[i] = r
}

// ForgetUses makes the next look at the uses of the interfaces start from nothing.
func (a *Attachments) ForgetUses() {
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	a.uses.read, a.uses.refused = time.Time{}, nil
}

// Uses returns for each interface how the machine uses it, empty where it does not,
// or where the operator forced the tracker to begin there. Routes are not looked at:
// reading them all would take too long on a router.
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
	points := a.registry.Points()
	now := make([]string, len(points))
	for i, p := range points {
		if l, err := p.Link(); err == nil && !p.Forced {
			now[i] = m.use(l)
		}
	}
	return now, nil
}

// UsedWarning says that the machine uses an interface in service.
func UsedWarning(name, use string) flow.Warning {
	return flow.Warning{Kind: flow.WarningUsed, Interfaces: []string{name}, Detail: use}
}
