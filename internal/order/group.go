package order

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ctop/internal/filter"
	"ctop/tracker/flow"
)

// Grouping is the property by which flows are grouped.
type Grouping uint8

// The groupings, in the order in which a key switches through them.
const (
	BySource Grouping = iota
	ByDestination
	BySourceNet
	ByDestinationNet
	ByPort
	ByState
	ByProto
	ByInterface
	ByProcess
	ByUnit
	ByContainer
	numGroupings
)

var groupingNames = [numGroupings]string{
	BySource: "source", ByDestination: "destination",
	BySourceNet: "source net", ByDestinationNet: "destination net",
	ByPort: "destination port", ByState: "state", ByProto: "protocol", ByInterface: "interface",
	ByProcess: "process", ByUnit: "unit", ByContainer: "container",
}

// String returns the name of the grouping.
func (g Grouping) String() string { return groupingNames[g] }

// Next returns the grouping that is step places further.
func (g Grouping) Next(step int) Grouping {
	return Grouping((int(g) + step + int(numGroupings)) % int(numGroupings))
}

// ParseGrouping returns the grouping with the given name.
func ParseGrouping(name string) (Grouping, bool) {
	i := slices.Index(groupingNames[:], name)
	return Grouping(max(i, 0)), i >= 0
}

// HasAddresses reports whether each group is a single address.
func (g Grouping) HasAddresses() bool { return g == BySource || g == ByDestination }

// GroupKey is the common property of a group's flows.
type GroupKey struct {
	Net    netip.Prefix
	Number uint32
	Text   string
}

// noPort is the group of flows without ports.
const noPort = 1 << 16

// Prefix lengths of the networks by which addresses are grouped.
const (
	net4 = 24
	net6 = 64
)

func (g Grouping) key(f *flow.Flow) GroupKey {
	switch g {
	case BySource:
		return whole(f.Tuple.Src.Addr())
	case ByDestination:
		return whole(f.Tuple.Dst.Addr())
	case BySourceNet:
		return network(f.Tuple.Src.Addr())
	case ByDestinationNet:
		return network(f.Tuple.Dst.Addr())
	case ByPort:
		if !f.Tuple.Proto.HasPorts() {
			return GroupKey{Number: noPort}
		}
		return GroupKey{Number: uint32(f.Tuple.Dst.Port())}
	case ByState:
		return GroupKey{Number: uint32(f.State)}
	case ByProto:
		return GroupKey{Number: uint32(f.Tuple.Proto)}
	}
	if g >= ByProcess {
		return GroupKey{Text: g.ofProcess(f.Holding.Owner())}
	}
	return GroupKey{Number: uint32(f.In)}
}

// ofProcess returns the name of the group of a process, which may be nil.
func (g Grouping) ofProcess(p *flow.Process) string {
	switch {
	case p == nil:
		return ""
	case g == ByUnit:
		return p.Unit
	case g == ByContainer:
		return p.Container
	}
	return p.Name
}

func whole(a netip.Addr) GroupKey { return GroupKey{Net: netip.PrefixFrom(a, a.BitLen())} }

func network(a netip.Addr) GroupKey {
	bits := net4
	if a.Is6() && !a.Is4In6() {
		bits = net6
	}
	p, _ := a.Prefix(bits)
	return GroupKey{Net: p}
}

// Name returns the displayed name of a group.
func (g Grouping) Name(k GroupKey, s *flow.Snapshot) string {
	switch g {
	case BySource, ByDestination:
		return k.Net.Addr().String()
	case BySourceNet, ByDestinationNet:
		return k.Net.String()
	case ByPort:
		if k.Number == noPort {
			return "none"
		}
	case ByState:
		return flow.State(k.Number).String()
	case ByProto:
		return flow.Protocol(k.Number).String()
	case ByInterface:
		if int(k.Number) < len(s.Interfaces) {
			return s.Interfaces[k.Number].Name
		}
	case ByProcess, ByUnit, ByContainer:
		return cmp.Or(k.Text, "none")
	}
	return strconv.Itoa(int(k.Number))
}

// Term returns a filter term that matches exactly the flows of a group.
func (g Grouping) Term(k GroupKey, s *flow.Snapshot) string {
	name := g.Name(k, s)
	switch g {
	case BySource, BySourceNet:
		return "src:" + name
	case ByDestination, ByDestinationNet:
		return "dst:" + name
	case ByPort:
		if k.Number == noPort {
			return "!dport:0-65535"
		}
		return "dport:" + name
	case ByState:
		return "state:" + strings.ToLower(name)
	case ByProto:
		return "proto:" + name
	case ByProcess, ByUnit, ByContainer:
		if k.Text == "" {
			return "!" + g.String() + ":*"
		}
		return g.String() + ":" + strings.Map(plain, k.Text)
	}
	return "if:" + name
}

// plain returns what stands for a letter of a name in a filter, where some have a meaning
// of their own.
func plain(r rune) rune {
	if r == '-' || r == '_' || r == '.' || r == '@' || r == ':' || r == '/' || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return '*'
}

// Group holds the totals of a group's flows.
type Group struct {
	Key   GroupKey
	Flows int
	// Origin and Reply are the totals of the two directions.
	Origin, Reply flow.Half
}

func (g *Group) add(f *flow.Flow) {
	g.Flows++
	addHalf(&g.Origin, &f.Origin)
	addHalf(&g.Reply, &f.Reply)
}

func addHalf(sum, h *flow.Half) {
	sum.Packets += h.Packets
	sum.Bytes += h.Bytes
	sum.PPS += h.PPS
	sum.BPS += h.BPS
}

// GroupSort is the column by which groups are sorted.
type GroupSort uint8

// The columns of the talkers page.
const (
	GroupName GroupSort = iota
	GroupFlows
	GroupPackets
	GroupBytes
	GroupOut
	GroupIn
	GroupRate
	NumGroupSorts
)

// GroupBy is an order of groups.
type GroupBy struct {
	Sort GroupSort
	Desc bool
	// Packets makes rates count packets instead of bits.
	Packets bool
}

// Value returns the value of the sort column, from which shares are computed.
// For names it is the number of flows.
func (by GroupBy) Value(g *Group) float64 {
	switch by.Sort {
	case GroupPackets:
		return float64(g.Origin.Packets + g.Reply.Packets)
	case GroupBytes:
		return float64(g.Origin.Bytes + g.Reply.Bytes)
	case GroupOut:
		return by.rate(&g.Origin)
	case GroupIn:
		return by.rate(&g.Reply)
	case GroupRate:
		return by.rate(&g.Origin) + by.rate(&g.Reply)
	}
	return float64(g.Flows)
}

func (by GroupBy) rate(h *flow.Half) float64 {
	if by.Packets {
		return h.PPS
	}
	return h.BPS
}

func (by GroupBy) compare(a, b *Group) int {
	c := 0
	if by.Sort != GroupName {
		c = cmp.Compare(by.Value(a), by.Value(b))
	}
	names := cmp.Or(a.Key.Net.Addr().Compare(b.Key.Net.Addr()), cmp.Compare(a.Key.Number, b.Key.Number), cmp.Compare(a.Key.Text, b.Key.Text))
	switch {
	case by.Sort == GroupName && by.Desc:
		return -names
	case by.Desc:
		return cmp.Or(-c, names)
	}
	return cmp.Or(c, names)
}

// GroupRequest is the input of Talk.
type GroupRequest struct {
	Snapshot *flow.Snapshot
	Filter   filter.Filter
	Grouping Grouping
	By       GroupBy
}

// Groups is the output of Talk.
type Groups struct {
	GroupRequest
	// Top are the first groups in order. All is the number of all groups.
	Top []Group
	All int
	// Sum is the total of all groups.
	Sum Group
}

// MostGroups is the maximal length of Top.
const MostGroups = 1000

// Talk groups and counts the flows that match the filter.
func Talk(r GroupRequest) Groups {
	result := Groups{GroupRequest: r}
	groups := result.count()
	result.All = len(groups)
	result.Top = top(groups, MostGroups, func(a, b Group) int { return r.By.compare(&a, &b) })
	return result
}

func (g *Groups) count() []Group {
	var groups []Group
	index := map[GroupKey]int{}
	wanted := g.Filter.For(g.Snapshot)
	for i := range g.Snapshot.Flows {
		f := &g.Snapshot.Flows[i]
		if !wanted.Match(f) {
			continue
		}
		g.Sum.add(f)
		k := g.Grouping.key(f)
		at, known := index[k]
		if !known {
			at = len(groups)
			index[k] = at
			groups = append(groups, Group{Key: k})
		}
		groups[at].add(f)
	}
	return groups
}

// top returns the first n elements of a list in order. It sorts at most 2n
// elements at a time, so the cost per element is small for a long list.
func top(groups []Group, n int, compare func(a, b Group) int) []Group {
	best := make([]Group, 0, min(len(groups), 2*n))
	sorted := false // the first n are, and what is behind best[n-1] is out
	for i := range groups {
		if len(best) == 2*n {
			slices.SortFunc(best, compare)
			best, sorted = best[:n], true
		}
		if !sorted || compare(groups[i], best[n-1]) < 0 {
			best = append(best, groups[i])
		}
	}
	slices.SortFunc(best, compare)
	return slices.Clip(best[:min(n, len(best))])
}
