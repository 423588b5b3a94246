package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Reattach attaches again to interfaces that came back under their name, and
// follows renamed ones. The flows are kept. It returns a sentence per action.
// Only the owner calls it.
func (a *Attachments) Reattach() (done []string, err error) {
	var errs []error
	a.grow()
	a.lookOnce()
	defer func() { a.seen = nil }()
	for i, p := range a.registry.Points() {
		said, err := a.reattachPoint(i)
		for _, sentence := range said {
			if !slices.Contains(done, sentence) { // a watched interface has two points
				done = append(done, sentence)
			}
		}
		if err != nil && !isGone(err) { // one that went meanwhile is found gone the next time
			errs = append(errs, fmt.Errorf("attach to %s again: %w", p.Name, err))
		}
	}
	return done, errors.Join(errs...)
}

func (a *Attachments) reattachPoint(i int) (done []string, err error) {
	p := a.registry.Points()[i]
	if p.Left {
		return nil, nil
	}
	l, attached, err := a.find(i)
	switch {
	case err != nil:
		return nil, err
	case l == nil: // gone; it may come back
		return nil, a.SetInterface(i, 0)
	case attached:
		return a.follow(i, l)
	}
	if err := a.reattach(i, l); err != nil {
		return nil, err
	}
	if p.Index == l.Attrs().Index {
		return []string{p.Name + " had lost its program and is attached to again"}, nil
	}
	return []string{p.Name + " came back and is attached to again"}, nil
}

// Withhold stops forwarding to interfaces that are gone. In tc mode packets are
// sent by interface index, which the kernel may give to a new interface. Only
// the owner calls it.
func (a *Attachments) Withhold() {
	a.grow()
	for i := range a.registry.Points() {
		if l, _, err := a.find(i); l == nil && err == nil && a.registry.Owned() {
			_ = a.SetInterface(i, 0) // Reattach does it again, and says what fails
		}
	}
}

// follow updates the name and index of a point whose interface still carries
// the program. It forwards to an interface again that returned from another
// network namespace.
func (a *Attachments) follow(i int, l netlink.Link) (done []string, err error) {
	p := a.registry.Points()[i]
	name, index := l.Attrs().Name, l.Attrs().Index
	if name != p.Name {
		done = append(done, fmt.Sprintf("%s was renamed to %s", p.Name, name))
	}
	if index != p.Index && p.Role == flow.RoleWatch {
		err = a.SetInterface(i, 0) // the one that it had
		p = a.registry.Points()[i]
	}
	if name != p.Name || index != p.Index {
		p.Name, p.Index = name, index
		err = errors.Join(err, a.registry.SetPoint(i, p))
	}
	if !a.hasInterface(i, index) {
		if err := errors.Join(err, a.SetInterface(i, index)); err != nil {
			return done, err
		}
		if p.Role == flow.RoleWire {
			done = append(done, name+" is a way out again")
		}
	}
	return done, err
}

// reattach prepares and attaches to the interface of point i, as at the start.
// If the interface is the same one, its recorded changes are kept.
func (a *Attachments) reattach(i int, l netlink.Link) error {
	if a.takenDown(i) {
		return errTakenDown
	}
	before := a.registry.Points()[i]
	if before.Role == flow.RoleWatch && before.Index != l.Attrs().Index {
		if err := a.SetInterface(i, 0); err != nil { // the one that it had
			return err
		}
		before = a.registry.Points()[i]
	}
	s := &Device{
		link: l, mode: before.Mode, role: before.Role, direction: before.Direction,
		filter: before.hangsInFilter(), forced: before.Forced, replaces: true,
	}
	if err := s.Check(a.registry.Occupied); err != nil {
		return err
	}
	if err := a.admit(i, s); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	p, err := s.Describe()
	if err != nil {
		return err
	}
	missing := p.Changes
	if before.Index == p.Index {
		p.Changes = slices.Concat(settingsNow(l, before.Changes), missing)
	}
	p.Changes, p.Unsent = distinct(p.Changes), a.takeUnsent(i)
	p.To, p.Seen = before.To, before.Seen
	if err := a.registry.SetPoint(i, p); err != nil {
		return err
	}
	for _, c := range missing {
		if err := c.set(true); err != nil {
			return err
		}
	}
	if a.takenDown(i) { // whoever does may have put them back before
		return errors.Join(append(Undo(missing), errTakenDown)...)
	}
	if err := a.SetInterface(i, p.Index); err != nil {
		return err
	}
	return a.relink(i, s)
}

var errTakenDown = errors.New("another ctop takes the tracker down")

// takenDown reports whether another process takes the tracker down: it removes the pins of
// the attachments first, and puts the settings back last.
func (a *Attachments) takenDown(i int) bool {
	if a.dir == "" || a.links[i] == nil {
		return false
	}
	_, err := os.Lstat(filepath.Join(a.dir, LinkPin(i)))
	return errors.Is(err, fs.ErrNotExist)
}

// distinct returns settings without duplicates.
func distinct(settings []Setting) (once []Setting) {
	for _, c := range settings {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}

// relink replaces the attachment of an interface that is gone.
func (a *Attachments) relink(i int, s *Device) error {
	l, err := attach(a.objects, s)
	if err != nil {
		return err
	}
	if old := a.links[i]; old != nil {
		_ = old.Close()
	}
	a.links[i] = l
	if a.dir == "" {
		return nil
	}
	return kernel.ReplacePin(l, filepath.Join(a.dir, LinkPin(i)))
}

// grow makes room for points that came since the last call.
func (a *Attachments) grow() {
	for len(a.links) < len(a.registry.Points()) {
		a.links = append(a.links, nil)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.sendDrops) < len(a.links) {
		a.sendDrops = append(a.sendDrops, 0)
	}
}

// fewPoints is the number of points up to which each interface is looked up on its own.
const fewPoints = 8

// lookOnce lists all interfaces where that takes less time than to look up each point's.
func (a *Attachments) lookOnce() {
	if len(a.registry.Points()) <= fewPoints {
		return
	}
	if list, err := listLinks(); err == nil {
		a.seen = &machine{links: list}
	}
}
