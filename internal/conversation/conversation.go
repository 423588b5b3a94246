// Package conversation finds the flows of several hosts that are one conversation, and
// where on its way packets are lost.
//
// Two flows are seen of the same conversation if they have the same tuple, in either
// direction and whatever their VLANs, and their lives overlap. Where a host translates
// addresses, the tuple on the other side of the translation counts as well, which only that host
// says: so flows that all began in other seconds are not joined by that. Addresses that mean
// another machine on every host, as 127.0.0.1, are left out.
package conversation

import (
	"cmp"
	"slices"
	"time"

	"ctop/tracker/flow"
)

// skew is how far apart in time the flows of two hosts may be that are in one snapshot.
const skew = 3 * time.Second

// Sighting is a flow as one host sees it.
type Sighting struct {
	Flow *flow.Flow
	// Host and Interface are where it is seen.
	Host, Interface string
	// Turned is set if the origin of the flow is the reply of the conversation: the
	// host saw the first packet of that direction first.
	Turned bool
	// uptime is how long the tracker has been there, 0 if that is not known.
	uptime time.Duration
}

// Half returns what is seen of a direction of the conversation.
func (s *Sighting) Half(d flow.Direction) *flow.Half {
	if (d == flow.Reply) != s.Turned {
		return &s.Flow.Reply
	}
	return &s.Flow.Origin
}

// Conversation has the flows of one conversation, at least of two hosts. The directions
// are those of the first one.
type Conversation struct {
	Sightings []Sighting
	// Claimed are the hosts by whose translations alone all flows are one conversation.
	Claimed []string
}

// seen returns the flows that packets pass by. A host that has a flow from its partner only,
// and tells volumes of some seconds ago, sees none of it.
func (c *Conversation) seen() []Sighting {
	return slices.DeleteFunc(slices.Clone(c.Sightings), func(s Sighting) bool { return s.Flow.Holding.Inherited })
}

// Front returns the flow that stands for all: the first that packets pass by.
func (c *Conversation) Front() *flow.Flow {
	for i := range c.Sightings {
		if f := c.Sightings[i].Flow; !f.Holding.Inherited {
			return f
		}
	}
	return c.Sightings[0].Flow
}

// Hosts returns the number of hosts.
func (c *Conversation) Hosts() int {
	hosts := map[string]bool{}
	for i := range c.Sightings {
		hosts[c.Sightings[i].Host] = true
	}
	return len(hosts)
}

// Find returns the conversations among the rows of a snapshot, each with its flows in the
// order of the rows. What only one host sees is none of them.
func Find(s *flow.Snapshot, rows []*flow.Flow) []Conversation {
	if !s.OfFleet() {
		return nil
	}
	f := &finder{groups: newGroups(len(rows)), heads: make(map[flow.Tuple]int32, len(rows))}
	for i, row := range rows {
		f.add(row.Tuple, i, row, false)
		if one := sighting(s, row); one.sawFirst() {
			f.groups.begin(int32(i), row.Age)
		}
		if other, ok := s.OtherHalf(row); ok {
			f.add(other, i, row, true)
		}
	}
	f.join()
	members := map[int32][]int{}
	for i := range rows {
		if top, _ := f.groups.find(int32(i)); f.groups.size[top] > 1 {
			members[top] = append(members[top], i)
		}
	}
	var list []Conversation
	firsts := make([]int, 0, len(members))
	for _, rows := range members {
		firsts = append(firsts, rows[0])
	}
	slices.Sort(firsts)
	for _, first := range firsts {
		top, _ := f.groups.find(int32(first))
		if c := f.conversation(s, rows, members[top]); c.Hosts() > 1 {
			list = append(list, c)
		}
	}
	return list
}

func (f *finder) conversation(s *flow.Snapshot, rows []*flow.Flow, members []int) (c Conversation) {
	_, first := f.groups.find(int32(members[0]))
	claimed := false
	for _, i := range members {
		_, turned := f.groups.find(int32(i))
		one := sighting(s, rows[i])
		one.Turned = turned != first
		c.Sightings = append(c.Sightings, one)
		claimed = claimed || f.own[i] != f.own[members[0]]
	}
	for i := range c.Sightings {
		if one := &c.Sightings[i]; claimed && one.Flow.NAT != 0 && !slices.Contains(c.Claimed, one.Host) {
			c.Claimed = append(c.Claimed, one.Host)
		}
	}
	return c
}

func sighting(s *flow.Snapshot, row *flow.Flow) Sighting {
	one := Sighting{Flow: row}
	if in := int(row.In); in < len(s.Interfaces) {
		one.Host, one.Interface, one.uptime = s.Interfaces[in].Host, s.Interfaces[in].Name, s.Interfaces[in].Uptime
	}
	return one
}

// finder joins rows that share a tuple while they live.
type finder struct {
	groups *groups
	// heads has the last mark with each tuple.
	heads map[flow.Tuple]int32
	marks []mark
	// shared are the tuples that several marks have.
	shared []flow.Tuple
	// own has of each row the group that it is in by the tuples of flows alone.
	own []int32
}

// mark is that a row has a tuple.
type mark struct {
	row, next int32
	// turned is set if the tuple was turned round.
	turned bool
	// claimed is set if it is the tuple on the other side of a translation.
	claimed bool
	// from and to are how long ago the flow had its first and its last packet.
	from, to time.Duration
}

const none = -1

// add notes that a row has a tuple.
func (f *finder) add(t flow.Tuple, row int, of *flow.Flow, claimed bool) {
	if isLocal(t.Src) || isLocal(t.Dst) {
		return
	}
	key, turned := plain(t)
	head, known := f.heads[key]
	if !known {
		head = none
	} else if f.marks[head].next == none {
		f.shared = append(f.shared, key)
	}
	f.heads[key] = int32(len(f.marks))
	f.marks = append(f.marks, mark{int32(row), head, turned, claimed, of.Age, min(of.Idle, of.Age)})
}

// join joins the rows whose lives overlap: by their own tuples, and then by what hosts say of
// their translations.
func (f *finder) join() {
	f.joinBy(false)
	f.own = make([]int32, len(f.groups.above))
	for i := range f.own {
		f.own[i], _ = f.groups.find(int32(i))
	}
	f.joinBy(true)
}

func (f *finder) joinBy(claims bool) {
	var list []mark
	for _, key := range f.shared {
		list = list[:0]
		for at := f.heads[key]; at != none; at = f.marks[at].next {
			if claims || !f.marks[at].claimed {
				list = append(list, f.marks[at])
			}
		}
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b mark) int { return cmp.Compare(b.from, a.from) })
		last := list[0] // that of those before with the latest packet
		own := last     // and with a tuple of its own, if there is one
		for _, m := range list[1:] {
			if !f.meet(last, m, claims) {
				f.meet(own, m, claims)
			}
			if m.to < last.to {
				last = m
			}
			if own.claimed || m.to < own.to && !m.claimed {
				own = m
			}
		}
	}
}

// meet joins two rows with the same tuple if their lives overlap, and if it is not by claims only
// that they may have begun at one time. It reports whether it did.
func (f *finder) meet(before, m mark, claims bool) bool {
	if m.from+skew < before.to || claims && !f.groups.began(before.row, m.row) {
		return false
	}
	f.groups.join(before.row, m.row, before.turned != m.turned)
	return true
}

// isLocal reports whether an address is another machine on every host.
func isLocal(e flow.End) bool {
	a := e.Addr()
	return !a.IsValid() || a.IsLoopback() || a.IsUnspecified()
}

// plain returns a tuple without what differs between the links of a way, and with its ends
// in order.
func plain(t flow.Tuple) (_ flow.Tuple, turned bool) {
	t.VLAN, t.VLANInner, t.VLANThird, t.Session, t.Zone = 0, 0, 0, 0, 0
	if cmp.Or(t.Src.Addr().Compare(t.Dst.Addr()), cmp.Compare(t.Src.Port(), t.Dst.Port())) > 0 {
		return t.Reverse(), true
	}
	return t, false
}
