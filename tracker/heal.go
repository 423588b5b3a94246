package tracker

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// heal looks after the interfaces: one that came back under its name is attached
// to again, with all flows as they were, and one that was renamed keeps its
// place. It returns a sentence for whatever it did. Only the owner heals.
func (t *Tracker) heal() (done []string, err error) {
	var errs []error
	for i, m := range t.interfaces() {
		l, err := netlink.LinkByIndex(m.Index)
		if err == nil {
			if name := l.Attrs().Name; name != m.Name {
				done = append(done, fmt.Sprintf("%s is called %s now", m.Name, name))
				m.Name = name
				errs = append(errs, t.redescribe(i, m))
			}
			mended, err := t.mend(i, l)
			if mended != "" {
				done = append(done, mended)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("attach to %s again: %w", m.Name, err))
			}
			continue
		}
		l, err = netlink.LinkByName(m.Name)
		if err != nil {
			continue // gone; it may come back
		}
		if err := t.reattach(i, l); err != nil {
			errs = append(errs, fmt.Errorf("attach to %s again: %w", m.Name, err))
			continue
		}
		done = append(done, m.Name+" came back and is attached to again")
	}
	return done, errors.Join(errs...)
}

// mend puts back what an interface that is there can lose: its program, by force,
// and its place as a way out, when it is moved to another network namespace and
// back, as its index may stay the same.
func (t *Tracker) mend(i int, l netlink.Link) (mended string, err error) {
	m := t.interfaces()[i]
	var index uint32
	if err := t.kernel.outputs.Lookup(uint32(1-i), &index); err != nil || index != uint32(m.Index) {
		if err := t.reroute(i, m.Index); err != nil {
			return "", err
		}
		mended = m.Name + " is a way out again"
	}
	attached, err := t.attached(i)
	if err != nil || attached {
		return mended, err
	}
	s := &side{link: l, mode: m.Mode, filter: m.hangsInFilter()}
	if err := s.checkFree(); err != nil {
		return mended, err
	}
	if err := t.relink(i, s); err != nil {
		return mended, err
	}
	return m.Name + " had lost its program and is attached to again", nil
}

// attached reports whether the program of a side is where it belongs.
func (t *Tracker) attached(i int) (bool, error) {
	m := t.interfaces()[i]
	if m.hangsInFilter() {
		filters, err := ourFilters(m.Index)
		return len(filters) > 0, err
	}
	l, ok := t.links[i].(link.Link)
	if !ok {
		pinned, err := link.LoadPinnedLink(filepath.Join(t.dir, linkPins[i]), nil)
		if err != nil {
			return false, fmt.Errorf("open the attachment: %w", err)
		}
		defer func() { _ = pinned.Close() }()
		l = pinned
	}
	info, err := l.Info()
	if err != nil {
		return false, fmt.Errorf("look at the attachment: %w", err)
	}
	if xdp := info.XDP(); xdp != nil {
		return xdp.Ifindex == uint32(m.Index), nil
	}
	if tcx := info.TCX(); tcx != nil {
		return tcx.Ifindex == uint32(m.Index), nil
	}
	return true, nil
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

// reattach does for one side what attaching did for both.
func (t *Tracker) reattach(i int, l netlink.Link) error {
	before := t.interfaces()[i]
	s := &side{link: l, mode: before.Mode, filter: before.hangsInFilter()}
	if err := s.checkFree(); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	changes, err := needed(s.changes)
	if err != nil {
		return err
	}
	m := ifaceMeta{
		Name: s.name(), Index: l.Attrs().Index, Mode: s.mode, Changes: changes,
		Forced: before.Forced, SendDrops: s.sendDrops(), Unsent: t.unsentSide(i),
	}
	if err := t.redescribe(i, m); err != nil {
		return err
	}
	for _, c := range changes {
		if err := c.set(true); err != nil {
			return err
		}
	}
	if err := t.reroute(i, m.Index); err != nil {
		return err
	}
	return t.relink(i, s)
}

// reroute sends packets to the interface's new index, and knows those that come
// from it.
func (t *Tracker) reroute(i, index int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.kernel.config.Lookup(uint32(0), &t.config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	t.config.Ifindex[i] = uint32(index)
	if err := t.writeConfig(); err != nil {
		return err
	}
	if err := t.kernel.outputs.Put(uint32(1-i), uint32(index)); err != nil {
		return fmt.Errorf("set the way out: %w", err)
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
