package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/netip"

	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

const (
	// GroupsTogether is how many groups a console receives at a time of all hosts together,
	// and fewestGroups and mostGroups how many of them a host may name.
	GroupsTogether           = 20_000
	fewestGroups, mostGroups = 50, 500
	// MaxAsked is how many groups a console may ask for by name.
	MaxAsked = 50

	groupsVersion = 1
	// valuesOfGroup is how many values a group may have: there are some 15.
	valuesOfGroup = 100
	// maxAmount bounds counters and rates, so that sums of them stay numbers.
	maxAmount = 1 << 60
	maxFlows  = 1 << 32
)

// GroupsOfHost is how many groups a host may name, in a fleet of about so many: one more host
// seldom changes it.
func GroupsOfHost(hosts int) int {
	about := 1 << bits.Len(uint(max(hosts, 0)))
	return min(max(GroupsTogether/about, fewestGroups), mostGroups)
}

// GroupView says which groups are wanted: how flows are grouped and ordered, how many of the
// first, and which others.
type GroupView struct {
	Grouping string          `json:"grouping"`
	Nets     order.Nets      `json:"nets,omitzero"`
	Sort     order.GroupSort `json:"sort"`
	Desc     bool            `json:"desc,omitempty"`
	Packets  bool            `json:"packets,omitempty"`
	Most     int             `json:"most"`
	Asked    []GroupKey      `json:"asked,omitempty"`
}

// GroupKey is the name of a group.
type GroupKey struct {
	Net    netip.Prefix `json:"net,omitzero"`
	Peer   netip.Addr   `json:"peer,omitzero"`
	Number uint32       `json:"n,omitempty"`
	Text   string       `json:"t,omitempty"`
}

// group is a group in a message.
type group struct {
	GroupKey
	Flows int `json:"f"`
	// Volumes are packets and bytes of the origin and of the reply, Rates are theirs.
	Volumes [4]uint64  `json:"v"`
	Rates   [4]float64 `json:"r"`
}

// groups is the message.
type groups struct {
	V    int          `json:"v"`
	Top  []group      `json:"top"`
	All  int          `json:"all"`
	Sum  group        `json:"sum"`
	Left order.Bounds `json:"left"`
}

var errGroups = errors.New("groups of a host: they have what they may not")

// bounded reports whether a view asks for no more than it may.
func (v *GroupView) bounded() bool {
	return v != nil && v.Most >= 1 && v.Most <= mostGroups && len(v.Asked) <= MaxAsked && v.Sort < order.NumGroupSorts
}

// Request returns what is asked for, without a snapshot.
func (v *GroupView) Request(filterText string) (r order.GroupRequest, also []order.GroupKey, err error) {
	grouping, ok := order.ParseGrouping(v.Grouping)
	if !ok || v.Nets != (order.Nets{}) && !v.Nets.Known() {
		return r, nil, errGroups
	}
	f, err := filter.Parse(filterText)
	for i := range v.Asked {
		also = append(also, order.GroupKey(v.Asked[i]))
	}
	by := order.GroupBy{Sort: v.Sort, Desc: v.Desc, Packets: v.Packets}
	return order.GroupRequest{Filter: f, Grouping: grouping, Nets: v.Nets, By: by}, also, err
}

// NewGroupView returns the view for a request.
func NewGroupView(r order.GroupRequest, hosts int, also []order.GroupKey) *GroupView {
	v := &GroupView{
		Grouping: r.Grouping.String(), Nets: r.Nets, Sort: r.By.Sort, Desc: r.By.Desc, Packets: r.By.Packets, Most: GroupsOfHost(hosts),
	}
	for _, k := range also[:min(len(also), MaxAsked)] {
		v.Asked = append(v.Asked, GroupKey(k))
	}
	return v
}

// EncodeGroups returns the message.
func EncodeGroups(p order.Part) ([]byte, error) {
	z, err := compressor()
	if err != nil {
		return nil, fmt.Errorf("encode groups: %w", err)
	}
	m := groups{V: groupsVersion, All: p.All, Sum: newGroup(&p.Sum), Left: p.Left}
	for i := range p.Top {
		m.Top = append(m.Top, newGroup(&p.Top[i]))
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode groups: %w", err)
	}
	return z.EncodeAll(plain, nil), nil
}

func newGroup(g *order.Group) group {
	return group{
		GroupKey: GroupKey(g.Key), Flows: g.Flows,
		Volumes: [4]uint64{g.Origin.Packets, g.Origin.Bytes, g.Reply.Packets, g.Reply.Bytes},
		Rates:   [4]float64{g.Origin.PPS, g.Origin.BPS, g.Reply.PPS, g.Reply.BPS},
	}
}

// DecodeGroups reads the groups of a host, by a grouping.
func DecodeGroups(message []byte, by order.Grouping) (p order.Part, err error) {
	plain, err := inflate(message)
	if err != nil {
		return p, fmt.Errorf("groups of a host: %w", err)
	}
	var m groups
	if err := decodeList(plain, maxPlain, mostGroups+MaxAsked, valuesOfGroup, &m); err != nil {
		return p, fmt.Errorf("groups of a host: %w", err)
	}
	if m.V != groupsVersion {
		return p, fmt.Errorf("groups of a host: %w", errVersion)
	}
	if len(m.Top) > mostGroups+MaxAsked || m.All < len(m.Top) || m.All > maxFlows || !m.Sum.bounded() {
		return p, errGroups
	}
	p.All, p.Sum, p.Left = m.All, m.Sum.open(), m.Left
	p.Sum.Key = order.GroupKey{}
	for packets := range p.Left {
		for sort, n := range p.Left[packets] {
			if n < 0 || n > maxAmount {
				return order.Part{}, errGroups
			}
			p.Left[packets][sort] = math.Ceil(n)
		}
	}
	seen := make(map[order.GroupKey]bool, len(m.Top))
	for i := range m.Top {
		g := m.Top[i].open()
		if !m.Top[i].bounded() || !by.Names(g.Key) || seen[g.Key] {
			return order.Part{}, errGroups
		}
		seen[g.Key] = true
		p.Top = append(p.Top, g)
	}
	return p, nil
}

// bounded reports whether the numbers of a group can be some.
func (g *group) bounded() bool {
	for i := range g.Volumes {
		if g.Volumes[i] > maxAmount || g.Rates[i] < 0 || g.Rates[i] > maxAmount {
			return false
		}
	}
	return g.Flows >= 0 && g.Flows <= maxFlows && len(g.Text) <= maxName
}

func (g *group) open() order.Group {
	return order.Group{
		Key: order.GroupKey(g.GroupKey), Flows: g.Flows,
		Origin: flow.Half{Packets: g.Volumes[0], Bytes: g.Volumes[1], PPS: g.Rates[0], BPS: g.Rates[1]},
		Reply:  flow.Half{Packets: g.Volumes[2], Bytes: g.Volumes[3], PPS: g.Rates[2], BPS: g.Rates[3]},
	}
}
