package tracker

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
)

const (
	// attendance is how often the interfaces are looked at where the kernel tells
	// nothing of them: what it tells can be lost, and of a lost program it tells
	// nothing.
	attendance = time.Second
	// settling is how long to wait after the kernel told something. Who puts an
	// interface back does so in steps: makes a pair, moves one end, sets it up.
	settling = 200 * time.Millisecond
)

// attend looks after the interfaces while this process owns the tracker, and
// becomes the owner where the one before is gone.
func (c *Collector) attend(ctx context.Context) error {
	changes := make(chan struct{}, 1)
	tick := time.NewTicker(attendance)
	defer tick.Stop()
	var links, addresses <-chan struct{}
	for {
		if links == nil {
			links = c.tracker.listenToLinks(ctx, changes)
		}
		if addresses == nil {
			addresses = listenToAddresses(ctx, changes)
		}
		if !c.tracker.Gone() {
			trouble := c.heal()
			c.trouble.Store(&trouble)
			c.tellUses()
			c.tellMTUs()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			continue
		case <-links: // something was missed
			links = nil
		case <-addresses:
			addresses = nil
		case <-changes:
			c.tracker.withhold()
		}
		if !rest(ctx, settling) {
			return nil
		}
		c.tracker.uses.forget()
		select {
		case <-changes: // looked at now, too
		default:
		}
	}
}

// listenToLinks has the kernel tell, over rtnetlink, of changes to the tracker's
// interfaces, until ctx is done. It returns a channel that is closed when it
// tells no more, nil where it never did.
func (t *Tracker) listenToLinks(ctx context.Context, changes chan<- struct{}) (ended <-chan struct{}) {
	updates := make(chan netlink.LinkUpdate)
	ctx, cancel := context.WithCancel(ctx)
	if err := netlink.LinkSubscribeWithOptions(updates, ctx.Done(), netlink.LinkSubscribeOptions{}); err != nil {
		cancel()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		for u := range updates {
			if t.concerns(u.Link) {
				select {
				case changes <- struct{}{}:
				default:
				}
			}
		}
	}()
	return done
}

// concerns reports whether an interface is one of the tracker's, or is called so.
func (t *Tracker) concerns(l netlink.Link) bool {
	sides := t.interfaces()
	return slices.ContainsFunc(sides[:], func(m ifaceMeta) bool {
		return m.Index == l.Attrs().Index || m.Name == l.Attrs().Name
	})
}

// Gone reports whether somebody took the tracker down, be it that another one was
// attached since.
func (t *Tracker) Gone() bool {
	if t.dir == "" {
		return false
	}
	now, err := placeOf(t.dir)
	return errors.Is(err, os.ErrNotExist) || err == nil && now != t.place
}

// heal looks after the interfaces while this process owns the tracker. What is
// wrong with them stays said until it is not.
func (c *Collector) heal() flow.Warnings {
	if !c.tracker.owner() && !c.inherit() {
		return nil
	}
	done, err := c.tracker.heal()
	for _, what := range done {
		c.tracker.log.Info(what)
	}
	if err == nil {
		c.troubleTold = ""
		return nil
	}
	if text := err.Error(); text != c.troubleTold {
		c.troubleTold = text
		c.tracker.log.Warn(strings.ReplaceAll(text, "\n", "; "))
	}
	return flow.Warnings{{Kind: flow.WarningInterfaces, Detail: err.Error()}}
}

// inherit becomes the owner of a tracker whose owner is gone, and reports whether
// it did.
func (c *Collector) inherit() bool {
	if !c.tracker.joined {
		return false
	}
	if c.tracker.adopt(); !c.tracker.owner() {
		return false
	}
	if !whole(c.tracker.dir) { // the owner was killed while it ended the tracker
		if err := errors.Join(c.tracker.remove(true)...); err != nil {
			c.tracker.log.Error("remove the rest of the tracker", "error", err)
		}
		return false
	}
	c.tracker.log.Info("took over the tracker: its owner is gone")
	if err := c.tracker.upgrade(true); err != nil {
		c.tracker.log.Error("the tracker continues with the programs of another version", "error", err)
	}
	return true
}
