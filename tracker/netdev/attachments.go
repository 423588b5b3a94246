package netdev

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// Registry stores the points' descriptions for processes that join the tracker
// or clean up after it.
type Registry interface {
	Points() []Point
	SetPoint(i int, p Point) error
	AddPoints(points ...Point) error
	// Follow says which interfaces are followed, nil if none are.
	Follow() *Follow
	// Owned reports whether this process owns the tracker.
	Owned() bool
	// Occupied returns an error that says what to do about a tracker's program
	// on an interface.
	Occupied(name string, id ebpf.ProgramID) error
}

// Attachments are a tracker's programs on its interfaces. Attach, Reattach and
// Close must not be called concurrently; all other methods are safe for
// concurrent use.
type Attachments struct {
	objects  *kernel.Objects
	table    *kernel.Table
	registry Registry
	// dir is the directory of the pins, empty if the tracker is not pinned.
	dir string
	// connection is the variable SSH_CONNECTION of the process that attached,
	// else empty.
	connection string
	// links are the attachments that this process made.
	links []Attachment
	// redirects is the program that counts failed redirects.
	redirects link.Link
	uses      uses
	locals    locals
	following following
	// seen are all interfaces while Reattach looks at many points, else nil.
	seen *machine
	// ReturnTime is how long a followed interface that is gone keeps its place, 0 for
	// the default.
	ReturnTime time.Duration

	mu sync.Mutex
	// sendDrops are the interfaces' latest counts of packets not sent.
	sendDrops []uint64
	// behind are the latest warnings about programs that stand before the tracker's.
	behind flow.Warnings
}

// NewAttachments returns the attachments of a tracker that is pinned in dir, or
// not pinned if dir is empty. connection is the variable SSH_CONNECTION.
func NewAttachments(o *kernel.Objects, t *kernel.Table, r Registry, dir, connection string) *Attachments {
	n := len(r.Points())
	return &Attachments{
		objects: o, table: t, registry: r, dir: dir, connection: connection,
		links: make([]Attachment, n), sendDrops: make([]uint64, n),
	}
}

// ChangeSettings makes the changes that the points describe. It returns a note
// for each.
func (a *Attachments) ChangeSettings() (notes []string, err error) {
	for _, p := range a.registry.Points() {
		for _, c := range p.Changes {
			if err := c.set(true); err != nil {
				return notes, kernel.ExplainPermission("prepare "+p.Name, err)
			}
			notes = append(notes, fmt.Sprintf("changed %s until the tracker ends", c))
		}
	}
	return notes, nil
}

// CountUnsent counts failed redirects in the XDP modes. If the kernel cannot
// count them, it returns a note: the tracker runs without that count.
func (a *Attachments) CountUnsent() (notes []string) {
	if points := a.registry.Points(); points[0].Mode == flow.ModeTC {
		return nil
	}
	l, err := a.objects.CountUnsent(a.dir)
	if err != nil {
		return []string{fmt.Sprintf("packets longer than the egress MTU will be counted as forwarded: %v", err)}
	}
	a.redirects = l
	return nil
}

// Attach attaches the programs to all interfaces, or to none if one fails, and
// pins the attachments.
func (a *Attachments) Attach(devices []*Device) (err error) {
	if a.links, err = attachAll(a.objects, devices); err != nil {
		a.links = make([]Attachment, len(devices))
		return err
	}
	if a.dir == "" {
		return nil
	}
	for i, l := range a.links {
		if err := l.Pin(filepath.Join(a.dir, LinkPin(i))); err != nil {
			return fmt.Errorf("pin the attachment to %s: %w", devices[i].Name(), err)
		}
	}
	return nil
}

// Exchange replaces the attached programs. Each attachment changes atomically,
// so no packet passes without one.
func (a *Attachments) Exchange(programs *kernel.Objects) error {
	for i, p := range a.registry.Points() {
		if err := a.exchange(i, p, programs); err != nil {
			return fmt.Errorf("exchange the program of %s: %w", p.Name, err)
		}
	}
	return nil
}

func (a *Attachments) exchange(i int, p Point, programs *kernel.Objects) error {
	if p.hangsInFilter() {
		if l, err := orNone(netlink.LinkByIndex(p.Index)); l == nil && err == nil {
			return nil // Reattach attaches once it returns
		}
		return replaceFilter(p.Index, p.hook().program(programs), p.hook().parent())
	}
	l, err := link.LoadPinnedLink(filepath.Join(a.dir, LinkPin(i)), nil)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	// If the interface is gone, Reattach attaches once it returns.
	if err := l.Update(p.hook().program(programs)); err != nil && !errors.Is(err, unix.ENOLINK) {
		return err
	}
	return nil
}

// Links returns the attachments that this process made.
func (a *Attachments) Links() []Attachment {
	return slices.DeleteFunc(slices.Clone(a.links), func(l Attachment) bool { return l == nil })
}

// Close closes this process's descriptors of the attachments. Pinned
// attachments stay attached.
func (a *Attachments) Close() {
	for _, l := range a.Links() {
		_ = l.Close()
	}
	if a.redirects != nil {
		_ = a.redirects.Close()
	}
}

// Report adds the interfaces' state, their warnings and the packets they did
// not send to a snapshot.
func (a *Attachments) Report(s *flow.Snapshot) {
	uses := a.Uses()
	var interfaces []flow.Interface
	for i, p := range PerInterface(a.registry.Points()) {
		is, l := p.state()
		if i < len(uses) {
			is.Use = uses[i]
		}
		is.Followed = a.registry.Follow() != nil
		if p.Role == flow.RoleWatch {
			a.reportWatched(&is, p, l)
		}
		interfaces = append(interfaces, is)
		s.Warnings = s.Warnings.Add(interfaceWarnings(&is)...)
	}
	s.Warnings = s.Warnings.Add(mtuWarnings(interfaces)...)
	a.noteBehind(s.Warnings)
	s.Interfaces, s.Stalled = interfaces, make([]bool, len(interfaces))
	addUnsent(&s.Counters, a.unsent(interfaces))
}

// interfaceWarnings returns the warnings about an interface.
func interfaceWarnings(i *flow.Interface) (list flow.Warnings) {
	if !i.Up && !i.Followed {
		list = append(list, notUp(i))
	}
	if i.Use != "" {
		list = append(list, UsedWarning(i.Name, i.Use))
	}
	if i.Behind != "" {
		list = append(list, flow.Warning{Kind: flow.WarningBehind, Interfaces: []string{i.Name}, Detail: i.Behind})
	}
	return list
}

// notUp returns the warning for an interface that is not up.
func notUp(i *flow.Interface) flow.Warning {
	kind := flow.WarningDown
	if i.Index == 0 {
		kind = flow.WarningGone
	}
	return flow.Warning{Kind: kind, Interfaces: []string{i.Name}}
}

// WhyNotSent returns the most likely reason why an interface does not send
// packets.
func (a *Attachments) WhyNotSent(i int) string {
	p := a.registry.Points()[i]
	l, err := p.Link()
	if now := p.State(); err != nil || !now.Up {
		return notUp(&now).String()
	}
	if l.Attrs().RawFlags&unix.IFF_LOWER_UP == 0 {
		return "the other end of " + p.Name + " is down"
	}
	s := Device{link: l, mode: p.Mode, filter: p.hangsInFilter()}
	if err := s.prepare(); err == nil {
		if missing, err := needed(s.changes); err == nil && len(missing) > 0 {
			return fmt.Sprintf("%s was reset and must be changed again", missing[0])
		}
	}
	return fmt.Sprintf("%s does not send the packets it gets: see \"ip -s link show %s\" and \"ethtool -S %s\"", p.Name, p.Name, p.Name)
}

// SetInterface writes the interface index of point i to the programs'
// configuration. Index 0 means that the interface is gone.
func (a *Attachments) SetInterface(i, index int) error {
	points := a.registry.Points()
	if p := points[i]; p.Role == flow.RoleWatch {
		if index == 0 {
			return errors.Join(a.keepSeen(i), a.table.Unwatch(p.Index))
		}
		w, err := watchedAt(points, i, index)
		if err != nil {
			return err
		}
		return a.table.Watch(index, w)
	}
	return a.table.SetInterface(i, index, senders(points, i)...)
}

// hasInterface reports whether the programs are configured with the interface
// of point i.
func (a *Attachments) hasInterface(i, index int) bool {
	points := a.registry.Points()
	if points[i].Role == flow.RoleWatch {
		w, err := watchedAt(points, i, index)
		return err == nil && a.table.Watches(index, w)
	}
	return a.table.HasInterface(i, index, senders(points, i)...)
}

// senders returns the points that forward packets to point i.
func senders(points []Point, i int) (from []int) {
	for j, p := range points {
		if p.Role == flow.RoleWire && p.To == i {
			from = append(from, j)
		}
	}
	return from
}
