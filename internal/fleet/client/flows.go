package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Flows are those of several hosts in one snapshot.
type Flows struct {
	*flow.Snapshot
	// Hosts is the number of hosts that answered, Missing are those that did not, and
	// Failed what others said instead.
	Hosts   int
	Missing []string
	Failed  []string
}

// Ask returns the flows of a view of all hosts that are present, or of the named ones.
func (c *Client) Ask(ctx context.Context, v fleet.View, hosts ...string) (*Flows, error) {
	if len(hosts) == 0 {
		if err := c.remember(ctx); err != nil {
			return nil, err
		}
		hosts = c.present()
	}
	m := newMerged(c.space)
	all := &Flows{}
	var err error
	all.Missing, err = c.gather(ctx, fleet.Question{Kind: fleet.AskFlows, View: v}, hosts, func(host string, a answer) error {
		if a.head.Error != "" {
			all.Failed = append(all.Failed, host+": "+a.head.Error)
			return nil
		}
		s, err := fleet.DecodePage(ctx, a.page)
		if err != nil {
			all.Failed = append(all.Failed, host+": "+err.Error())
			return nil
		}
		if a.head.Page == 0 {
			all.Hosts++
		}
		m.add(host, s, a.head)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all.Snapshot = m.inOrder()
	return all, nil
}

// Trouble says in one line which hosts are not in the result, empty if all are.
func (f *Flows) Trouble() string {
	var parts []string
	if n := len(f.Missing); n > 0 {
		parts = append(parts, fmt.Sprintf("%s did not answer (%s)", format.Plural(n, "host"), some(f.Missing)))
	}
	if len(f.Failed) > 0 {
		parts = append(parts, some(f.Failed))
	}
	return strings.Join(parts, "; ")
}

// some lists the first few.
func some(list []string) string {
	const few = 5
	if len(list) > few {
		return strings.Join(list[:few], ", ") + fmt.Sprintf(" and %d more", len(list)-few)
	}
	return strings.Join(list, ", ")
}

// merged makes one snapshot of those of several hosts. Every interface of every host is
// an interface of it.
type merged struct {
	snapshot *flow.Snapshot
	index    map[place]uint16
	// places counts those of each host, full is set if one has too many.
	places map[string]int
	full   bool
}

// place is an interface of a host.
type place struct{ host, name string }

func newMerged(space fleet.Space) *merged {
	return &merged{snapshot: &flow.Snapshot{Time: time.Now(), Host: "fleet " + string(space)}, index: map[place]uint16{}, places: map[string]int{}}
}

const (
	// maxPlaces is how many interfaces a snapshot may have.
	maxPlaces = 1<<16 - 2
	// nowhere is the interface of what is at none of them.
	nowhere = 1<<16 - 1
	// placesOfHost is how many of them a host may have, so that no host takes the others'.
	placesOfHost = 1024
)

// add adds the flows of a host. It leaves out those of interfaces for which there is no
// room.
func (m *merged) add(host string, s *flow.Snapshot, head fleet.Head) {
	to := m.snapshot
	if head.Page == 0 {
		to.MaxFlows += s.MaxFlows
		to.Policy, to.Timeouts = max(to.Policy, head.Policy), head.Timeouts
		if head.Counters != nil {
			to.Counters = to.Counters.Plus(*head.Counters)
		}
		for _, i := range head.Interfaces {
			i.Uptime = head.Uptime
			m.interfaceOf(host, i)
		}
	}
	at := make([]int, len(s.Interfaces))
	for i := range s.Interfaces {
		s.Interfaces[i].Uptime = head.Uptime
		at[i] = m.interfaceOf(host, s.Interfaces[i])
	}
	translations := uint32(len(to.Translations))
	to.Translations = append(to.Translations, s.Translations...)
	for i := range s.Flows {
		f := s.Flows[i]
		if int(f.In) >= len(at) || at[f.In] < 0 {
			continue
		}
		if f.Tuple.Zone != 0 {
			f.Tuple.Zone = uint16(at[f.In]) + 1
		}
		if f.NAT > 0 {
			f.NAT += translations
		}
		f.In = uint16(at[f.In])
		to.Flows = append(to.Flows, f)
	}
}

// inOrder returns the snapshot with its interfaces in the order of hosts and names, so that
// flows can be sorted by them.
func (m *merged) inOrder() *flow.Snapshot {
	s := m.snapshot
	order := make([]int, len(s.Interfaces))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &s.Interfaces[a], &s.Interfaces[b]
		return cmp.Or(strings.Compare(x.Host, y.Host), strings.Compare(x.Name, y.Name))
	})
	now, list := make([]uint16, len(order)), make([]flow.Interface, len(order))
	for to, from := range order {
		now[from], list[to] = uint16(to), s.Interfaces[from]
	}
	for i := range s.Flows {
		f := &s.Flows[i]
		f.In = now[f.In]
		if f.Tuple.Zone != 0 {
			f.Tuple.Zone = f.In + 1
		}
	}
	s.Interfaces = list
	return s
}

// interfaceOf returns the index of an interface of a host, -1 if there is no room.
func (m *merged) interfaceOf(host string, i flow.Interface) int {
	key := place{host, i.Name}
	if at, ok := m.index[key]; ok {
		m.snapshot.Interfaces[at].Uptime = i.Uptime
		return int(at)
	}
	if len(m.index) >= maxPlaces || m.places[host] >= placesOfHost {
		m.full = true
		return -1
	}
	m.places[host]++
	at := uint16(len(m.snapshot.Interfaces))
	m.index[key] = at
	i.Host = host
	m.snapshot.Interfaces = append(m.snapshot.Interfaces, i)
	return int(at)
}
