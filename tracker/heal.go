package tracker

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
)

// heal looks after the interfaces: one that came back under its name is attached
// to again, with all flows as they were, and one that was renamed keeps its
// place. It returns a sentence for whatever it did. Only the owner heals.
func (t *Tracker) heal() (done []string, err error) {
	var errs []error
	for i, m := range t.interfaces() {
		said, err := t.healSide(i)
		done = append(done, said...)
		if err != nil {
			errs = append(errs, fmt.Errorf("attach to %s again: %w", m.Name, err))
		}
	}
	return done, errors.Join(errs...)
}

func (t *Tracker) healSide(i int) (done []string, err error) {
	m := t.interfaces()[i]
	l, attached, err := t.find(i)
	switch {
	case err != nil:
		return nil, err
	case l == nil: // gone; it may come back
		return nil, t.reroute(i, 0)
	case attached:
		return t.follow(i, l)
	}
	if err := t.reattach(i, l); err != nil {
		return nil, err
	}
	if m.Index == l.Attrs().Index {
		return []string{m.Name + " had lost its program and is attached to again"}, nil
	}
	return []string{m.Name + " came back and is attached to again"}, nil
}

// withhold sends nothing more to interfaces that are gone: in tc mode packets go out
// by an index, which the next interface that is made may get. Only the owner does.
func (t *Tracker) withhold() {
	for i := range t.interfaces() {
		if l, _, err := t.find(i); l == nil && err == nil && t.owner() {
			_ = t.reroute(i, 0) // healing does it again, and says what fails
		}
	}
}

// follow keeps an interface that carries the program in its place: it may be called
// otherwise now, and one that was in another network namespace meanwhile is no way
// out any more, and may have another index.
func (t *Tracker) follow(i int, l netlink.Link) (done []string, err error) {
	m := t.interfaces()[i]
	name, index := l.Attrs().Name, l.Attrs().Index
	if name != m.Name {
		done = append(done, fmt.Sprintf("%s is called %s now", m.Name, name))
	}
	if name != m.Name || index != m.Index {
		m.Name, m.Index = name, index
		err = t.redescribe(i, m)
	}
	if !t.leadsTo(i, index) {
		if err := errors.Join(err, t.reroute(i, index)); err != nil {
			return done, err
		}
		done = append(done, name+" is a way out again")
	}
	return done, err
}

// interfaces returns the descriptions of both sides as they are now.
func (t *Tracker) interfaces() [2]ifaceMeta {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.meta.Interfaces
}

// redescribe replaces one side's description, here and for those who join.
func (t *Tracker) redescribe(i int, m ifaceMeta) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meta.Interfaces[i] = m
	return errors.Join(t.meta.write(t.kernel.meta), t.journal.write(&t.meta))
}

// reattach does for one side what attaching did for both. What was changed on an
// interface that is still the same stays written down.
func (t *Tracker) reattach(i int, l netlink.Link) error {
	before := t.interfaces()[i]
	s := &side{link: l, mode: before.Mode, filter: before.hangsInFilter(), forced: before.Forced}
	if err := errors.Join(s.checkEthernet(), s.checkFree()); err != nil {
		return err
	}
	if err := t.admit(i, s); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	missing, err := needed(s.changes)
	if err != nil {
		return err
	}
	changes := missing
	if before.Index == l.Attrs().Index {
		changes = slices.Concat(changesNow(l, before.Changes), missing)
	}
	m := ifaceMeta{
		Name: s.name(), Index: l.Attrs().Index, Mode: s.mode, Changes: distinct(changes),
		Forced: before.Forced, SendDrops: s.sendDrops(), Unsent: t.unsentSide(i),
	}
	if err := t.redescribe(i, m); err != nil {
		return err
	}
	for _, c := range missing {
		if err := c.set(true); err != nil {
			return err
		}
	}
	if err := t.reroute(i, m.Index); err != nil {
		return err
	}
	return t.relink(i, s)
}

// distinct drops what a list of changes repeats.
func distinct(changes []change) (once []change) {
	for _, c := range changes {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}

// leadsTo reports whether packets for a side go out by the interface of an index.
func (t *Tracker) leadsTo(i, index int) bool {
	var output uint32
	err := t.kernel.outputs.Lookup(uint32(1-i), &output)
	t.mu.Lock()
	defer t.mu.Unlock()
	return err == nil && output == uint32(index) && t.config.Ifindex[i] == output
}

// reroute sends packets to the interface's new index, and knows those that come
// from it; index zero is for an interface that is gone, since the next one that is
// made may get its index.
func (t *Tracker) reroute(i, index int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.kernel.config.Lookup(uint32(0), &t.config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if t.config.Ifindex[i] != uint32(index) {
		t.config.Ifindex[i] = uint32(index)
		if err := t.writeConfig(); err != nil {
			return err
		}
	}
	if index == 0 {
		return nil // the kernel takes it out of the map
	}
	if err := t.kernel.outputs.Put(uint32(1-i), uint32(index)); err != nil {
		return fmt.Errorf("set the egress interface: %w", err)
	}
	return nil
}

// relink replaces the attachment that died with the old interface.
func (t *Tracker) relink(i int, s *side) error {
	l, err := t.kernel.attach(s)
	if err != nil {
		return err
	}
	if old := t.links[i]; old != nil {
		_ = old.Close()
	}
	t.links[i] = l
	if t.dir == "" {
		return nil
	}
	return replacePin(l, filepath.Join(t.dir, linkPins[i]))
}
