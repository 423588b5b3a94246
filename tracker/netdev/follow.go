package netdev

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

// All stands for every interface, in place of the names of interfaces. The kernel gives
// no interface this name: it has other uses in /proc/sys/net.
const All = "all"

const (
	// MostFollowed is how many interfaces a tracker watches that follows all of them.
	// Each of them costs some system calls a second.
	MostFollowed = 256
	// returnTime is how long an interface that is gone keeps its place and its flows:
	// it may come back.
	returnTime = 30 * time.Second
)

// Follow says which interfaces a tracker watches as they come and go.
type Follow struct {
	// Except are the interfaces that are left out: names, or patterns as of [path.Match].
	Except []string `json:"except,omitempty"`
	// Force watches even the interface of the operator's own SSH session with enforce.
	Force bool `json:"force,omitempty"`
}

// CheckExcept returns an error for a malformed pattern.
func (f Follow) CheckExcept() error {
	for _, pattern := range f.Except {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return flow.Usagef("%q is not a pattern of names: write a name or a pattern like veth*", pattern)
		}
	}
	return nil
}

// wants reports whether to watch an interface: it is up and not left out.
func (f Follow) wants(l netlink.Link) bool {
	return l.Attrs().Flags&unix.IFF_UP != 0 && !slices.ContainsFunc(f.Except, func(pattern string) bool {
		matches, err := path.Match(pattern, l.Attrs().Name)
		return matches && err == nil
	})
}

// Find returns the devices of all interfaces that are followed, as [FindWatched] does,
// but for those that other trackers have.
func (f Follow) Find(occupied func(*Device) error) (devices []*Device, err error) {
	list, err := listLinks()
	if err != nil {
		return nil, err
	}
	n := 0
	for _, l := range list {
		if n == MostFollowed || !f.wants(l) {
			continue
		}
		of := watchedDevices(l)
		if occupied(of[0]) == nil {
			devices = append(devices, of...)
			n++
		}
	}
	if n == 0 {
		return nil, flow.Usagef("watch all: no interface is up that is not left out: name fewer with --except")
	}
	return devices, nil
}

func listLinks() (list []netlink.Link, err error) {
	err = dump("interfaces", func() (err error) {
		list, err = netlink.LinkList()
		return err
	})
	return list, err
}

// following is what a tracker that follows interfaces remembers.
type following struct {
	// gone is when points were first seen without their interface.
	gone map[int]time.Time
	// failed are the interfaces that could not be watched, by index, with the reason.
	failed map[int]string
	// spared are sentences about those that carry the operator's own SSH session.
	spared []string
}

// Follow watches interfaces that came, and gives up the places of those that are gone for
// long. It returns a sentence for each. Only the owner calls it.
func (a *Attachments) Follow(f Follow) (done []string, warnings flow.Warnings, err error) {
	list, err := listLinks()
	if err != nil {
		return nil, nil, err
	}
	err = a.leave(list)
	missed := 0
	a.following.spared = nil
	for _, l := range list {
		if !f.wants(l) || a.has(l) {
			continue
		}
		switch slot := a.freeSlot(); {
		case slot < 0:
			missed++
		default:
			said, failed := a.watchToo(slot, l)
			done = append(done, said...)
			err = errors.Join(err, failed)
		}
	}
	if missed > 0 {
		warnings = flow.Warnings{{Kind: flow.WarningInterfaces, Detail: fmt.Sprintf(
			"%d interfaces are not watched: a tracker follows at most %d, so leave some out with --except", missed, MostFollowed)}}
	}
	for _, text := range a.following.spared {
		warnings = warnings.Add(flow.Warning{Kind: flow.WarningInterfaces, Detail: text})
	}
	return done, warnings, err
}

// spareSession returns ErrUsed for an interface that came and carries the operator's own SSH
// session, which would be cut there.
func (a *Attachments) spareSession(devices []*Device) error {
	if a.registry.Follow().Force {
		return nil
	}
	policy, err := a.table.Policy()
	if err != nil || policy != flow.PolicyEnforce {
		return err
	}
	_, err = GuardSession(devices, a.connection, false)
	if errors.Is(err, ErrUsed) {
		a.following.spared = append(a.following.spared, devices[0].Name()+" is not watched: it carries this SSH session, which enforce would cut")
	}
	return err
}

// has reports whether an interface is one of the tracker's.
func (a *Attachments) has(l netlink.Link) bool {
	return slices.ContainsFunc(a.registry.Points(), func(p Point) bool {
		return !p.Left && (p.Index == l.Attrs().Index || p.Name == l.Attrs().Name)
	})
}

// leave gives up the places of interfaces that are gone for long. Their flows, which
// nothing can end any more, are deleted.
func (a *Attachments) leave(there []netlink.Link) error {
	var errs []error
	for i, p := range a.registry.Points() {
		isThere := slices.ContainsFunc(there, func(l netlink.Link) bool {
			return l.Attrs().Index == p.Index || l.Attrs().Name == p.Name
		})
		if isThere || p.Left {
			delete(a.following.gone, i)
			continue
		}
		if a.following.gone == nil {
			a.following.gone = map[int]time.Time{}
		}
		since, known := a.following.gone[i]
		if !known {
			a.following.gone[i] = time.Now()
		}
		if !known || time.Since(since) < a.returnTime() {
			continue
		}
		errs = append(errs, a.giveUp(i))
	}
	return errors.Join(errs...)
}

func (a *Attachments) returnTime() time.Duration {
	if a.ReturnTime > 0 {
		return a.ReturnTime
	}
	return returnTime
}

func (a *Attachments) giveUp(i int) error {
	p := a.registry.Points()[i]
	if !p.isSecond() {
		if err := a.table.DeleteZone(uint16(position(a.registry.Points(), i)) + 1); err != nil {
			return err
		}
	}
	if l := a.links[i]; l != nil {
		_ = l.Close() // the pin stays
		a.links[i] = nil
	}
	p.Left, p.Seen = true, [2]flow.Volume{}
	return a.registry.SetPoint(i, p)
}

// freeSlot returns the first point of an interface that left, the number of points if
// there is none, or -1 if the tracker has as many interfaces as it may.
func (a *Attachments) freeSlot() int {
	points := a.registry.Points()
	for i, p := range points {
		if p.Left && !p.isSecond() && i+1 < len(points) && points[i+1].isSecond() && points[i+1].Left {
			return i
		}
	}
	if len(PerInterface(points)) >= MostFollowed {
		return -1
	}
	return len(points)
}

// watchToo watches one more interface. One that cannot be watched is reported once.
func (a *Attachments) watchToo(slot int, l netlink.Link) (done []string, err error) {
	name, index := l.Attrs().Name, l.Attrs().Index
	of := watchedDevices(l)
	points := a.registry.Points()
	err = of[0].Check(a.registry.Occupied)
	if err == nil {
		err = a.spareSession(of)
	}
	switch {
	case err != nil:
	case slot == len(points):
		err = a.appendPoints(of)
	case len(of) == 2:
		err = errors.Join(a.reattach(slot, l), a.reattach(slot+1, l))
	}
	if isGone(err) {
		return nil, nil
	}
	if err == nil {
		delete(a.following.failed, index)
		return []string{name + " came and is watched, too"}, nil
	}
	if a.following.failed == nil {
		a.following.failed = map[int]string{}
	}
	if text := err.Error(); a.following.failed[index] != text {
		a.following.failed[index] = text
		return []string{name + " is not watched: " + text}, nil
	}
	return nil, nil
}

// appendPoints attaches to an interface for which there is no place yet. A process that is
// killed in between leaves a whole tracker, without this interface or with it.
func (a *Attachments) appendPoints(devices []*Device) error {
	if err := PrepareWatched(devices); err != nil {
		return err
	}
	var points []Point
	for _, s := range devices {
		p, err := s.Describe()
		if err != nil {
			return err
		}
		points = append(points, p)
	}
	first := len(a.registry.Points())
	links := make([]Attachment, len(devices))
	for i, s := range devices {
		l, err := a.attachAt(first+i, s, points[i])
		if err != nil {
			for _, l := range links[:i] {
				_ = l.Detach()
			}
			return err
		}
		links[i] = l
	}
	a.links = append(a.links, links...)
	if err := a.registry.AddPoints(points...); err != nil {
		return err
	}
	for i, p := range points {
		if err := a.SetInterface(first+i, p.Index); err != nil {
			return err
		}
		for _, c := range p.Changes {
			if err := c.set(true); err != nil {
				return err
			}
		}
		if !p.hangsInFilter() {
			continue
		}
		l, err := attach(a.objects, devices[i])
		if err != nil {
			return err
		}
		a.links[first+i] = l
	}
	return nil
}

// attachAt attaches to a device and pins that as point i. A filter is only pinned: it is
// attached once the settings that it needs are recorded.
func (a *Attachments) attachAt(i int, s *Device, p Point) (Attachment, error) {
	pin := filepath.Join(a.dir, LinkPin(i))
	if a.dir != "" { // the rest of a process that was killed here
		if err := os.Remove(pin); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	l := Attachment(filterLink{index: p.Index, parent: p.hook().parent()})
	if !p.hangsInFilter() {
		var err error
		if l, err = attach(a.objects, s); err != nil {
			return nil, err
		}
	}
	if a.dir == "" {
		return l, nil
	}
	return l, l.Pin(pin)
}
