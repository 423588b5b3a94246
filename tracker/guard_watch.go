package tracker

import (
	"context"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
)

// lookAgain is how long what is known of the machine's use of the interfaces may
// be shown where the kernel tells of no change.
const lookAgain = 10 * time.Second

// uses remembers how the machine uses the tracker's interfaces, since finding out
// lists all of its interfaces and addresses.
type uses struct {
	mu   sync.Mutex
	now  [2]string
	read time.Time
	// refused is for each side what the guard did not let come back.
	refused [2]refusedLink
}

// refusedLink is an interface that the guard refused, by its index, with the reason.
type refusedLink struct {
	index int
	err   error
	read  time.Time
}

// forget has the next look find out anew.
func (u *uses) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read, u.refused = time.Time{}, [2]refusedLink{}
}

// machineUses returns for each interface how the machine uses it, empty where it
// does not, or where the operator forced the tracker to begin there. Routes are
// not looked at: reading them all would take too long on a router.
func (t *Tracker) machineUses() [2]string {
	t.uses.mu.Lock()
	defer t.uses.mu.Unlock()
	if t.uses.read.IsZero() || time.Since(t.uses.read) > lookAgain {
		if now, err := t.readUses(); err == nil {
			t.uses.now = now
		}
		t.uses.read = time.Now()
	}
	return t.uses.now
}

func (t *Tracker) readUses() (now [2]string, err error) {
	m, err := readMachine()
	if err != nil {
		return now, err
	}
	for i, side := range t.interfaces() {
		if l, err := side.link(); err == nil && !side.Forced {
			now[i] = m.use(l)
		}
	}
	return now, nil
}

func usedWarning(name, use string) flow.Warning {
	return flow.Warning{Kind: flow.WarningUsed, Interfaces: []string{name}, Detail: use}
}

// tellUses logs what has changed in the machine's use of the interfaces.
func (c *Collector) tellUses() {
	now := c.tracker.machineUses()
	for i, side := range c.tracker.interfaces() {
		switch {
		case now[i] == c.uses[i]:
		case now[i] != "":
			c.tracker.log.Warn(usedWarning(side.Name, now[i]).String()+", since the tracker takes every packet", "interface", side.Name)
		default:
			c.tracker.log.Info("the machine no longer uses "+side.Name, "interface", side.Name)
		}
	}
	c.uses = now
}

// listenToAddresses has the kernel tell, over rtnetlink, of addresses that come
// and go, until ctx is done. The channel that it returns is closed when it tells
// no more; it is nil where the kernel never did.
func listenToAddresses(ctx context.Context, changes chan<- struct{}) (ended <-chan struct{}) {
	updates := make(chan netlink.AddrUpdate)
	ctx, cancel := context.WithCancel(ctx)
	if err := netlink.AddrSubscribe(updates, ctx.Done()); err != nil {
		cancel()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		for range updates {
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return done
}
