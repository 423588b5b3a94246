package order

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/tracker/flow"
)

// Grouping is the property by which flows are grouped.
type Grouping uint8

// The groupings, in the order in which a key switches through them.
const (
	BySource Grouping = iota
	ByDestination
	// ByHost counts each flow at both of its ends, and turns it so that a host is the
	// origin of what it sends.
	ByHost
	// ByPair counts the flows between two hosts together, whoever began them.
	ByPair
	BySourceNet
	ByDestinationNet
	ByPort
	ByState
	ByProto
	ByInterface
	ByProcess
	ByUnit
	ByContainer
	// ByName counts each flow at every named end, as [ByHost] does, by the operator's own
	// names, or by those that the traffic has.
	ByName
	// ByCountry and BySystem count each flow at both ends, too.
	ByCountry
	BySystem
	numGroupings
)

var groupingNames = [numGroupings]string{
	BySource: "source", ByDestination: "destination", ByHost: "host", ByPair: "pair",
	BySourceNet: "source net", ByDestinationNet: "destination net",
	ByPort: "destination port", ByState: "state", ByProto: "protocol", ByInterface: "interface",
	ByProcess: "process", ByUnit: "unit", ByContainer: "container", ByName: "name", ByCountry: "country", BySystem: "as",
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

// HasAddresses reports whether each group is a single address, or two.
func (g Grouping) HasAddresses() bool { return g <= ByPair }

// HasNets reports whether each group is a network.
func (g Grouping) HasNets() bool { return g == BySourceNet || g == ByDestinationNet }

// GroupKey is the common property of a group's flows.
type GroupKey struct {
	Net netip.Prefix
	// Peer is the second address of a pair.
	Peer   netip.Addr
	Number uint32
	Text   string
}

// Names reports whether a key can be that of a group of several hosts.
func (g Grouping) Names(k GroupKey) bool {
	address, peer := k.Net.IsValid(), k.Peer.IsValid()
	switch {
	case k.Net.Addr().Zone() != "" || k.Peer.Zone() != "" || peer != (g == ByPair):
		return false
	case g.HasAddresses():
		return address && k.Net.IsSingleIP() && k.Number == 0 && k.Text == ""
	case g.HasNets():
		return address && k.Net == k.Net.Masked() && k.Number == 0 && k.Text == ""
	case g == ByPort:
		return !address && k.Number <= noPort && k.Text == ""
	case g == ByState:
		return !address && k.Number <= uint32(flow.StateTimeWait) && k.Text == ""
	case g == ByProto:
		return !address && k.Number < 256 && k.Text == ""
	case g == ByInterface:
		return !address && k.Number == 0 && k.Text != ""
	}
	return !address && k.Number == 0
}

// noPort is the group of flows without ports.
const noPort = 1 << 16

// Nets are the prefix lengths of the networks by which addresses are grouped.
type Nets struct{ V4, V6 int }

// DefaultNets are those of a site, as it is usually divided.
var DefaultNets = Nets{24, 64}

// netSteps are the widths to choose from, the widest first.
var netSteps = [...]Nets{{8, 32}, {12, 40}, {16, 48}, {20, 56}, DefaultNets, {28, 96}, {32, 128}}

// Wider returns a wider width, by so many steps, or a narrower one.
func (n Nets) Wider(steps int) Nets {
	i := slices.Index(netSteps[:], n)
	return netSteps[min(max(i-steps, 0), len(netSteps)-1)]
}

// Known reports whether the width is one of those to choose from.
func (n Nets) Known() bool { return slices.Contains(netSteps[:], n) }

// String returns the prefix lengths, as "/24 /64".
func (n Nets) String() string { return fmt.Sprintf("/%d /%d", n.V4, n.V6) }

// keys returns the groups of a flow, and whether the flow is turned round in each.
func (g Grouping) keys(f *flow.Flow, nets Nets) (list [2]GroupKey, turned [2]bool, n int) {
	src, dst := f.Tuple.Src.Addr(), f.Tuple.Dst.Addr()
	switch {
	case g == ByHost && src != dst:
		return [2]GroupKey{whole(src), whole(dst)}, [2]bool{false, true}, 2
	case g == ByHost:
		list[0] = whole(src)
	case g == ByName:
		return byNames(names.Own(src), serverName(f, names.Own(dst)))
	case g == ByCountry:
		return byNames(geo.Of(src).Country, geo.Of(dst).Country)
	case g == BySystem:
		return byNames(systemOf(src), systemOf(dst))
	case g == ByPair && dst.Less(src):
		list[0], turned[0] = pair(dst, src), true
	case g == ByPair:
		list[0] = pair(src, dst)
	case g == BySourceNet:
		list[0] = network(src, nets)
	case g == ByDestinationNet:
		list[0] = network(dst, nets)
	default:
		list[0] = g.key(f)
	}
	return list, turned, 1
}

// serverName returns the operator's own name of the end that a flow's first packet went to,
// or that which the traffic has.
func serverName(f *flow.Flow, own string) string {
	if own == "" && f.Server != nil {
		return f.Server.Name
	}
	return own
}

// systemOf returns the autonomous system of an address by number and name, or nothing.
func systemOf(a netip.Addr) string {
	p := geo.Of(a)
	if p.AS == 0 {
		return ""
	}
	return strings.TrimSpace(strconv.FormatUint(uint64(p.AS), 10) + " " + p.Owner)
}

// byNames returns the groups of the names of both ends, empty where one has none.
func byNames(src, dst string) (list [2]GroupKey, turned [2]bool, n int) {
	switch {
	case src == dst || dst == "":
		return [2]GroupKey{{Text: src}}, turned, 1
	case src == "":
		return [2]GroupKey{{Text: dst}}, [2]bool{true}, 1
	}
	return [2]GroupKey{{Text: src}, {Text: dst}}, [2]bool{false, true}, 2
}

func pair(a, b netip.Addr) GroupKey {
	k := whole(a)
	k.Peer = b
	return k
}

func (g Grouping) key(f *flow.Flow) GroupKey {
	switch g {
	case BySource:
		return whole(f.Tuple.Src.Addr())
	case ByDestination:
		return whole(f.Tuple.Dst.Addr())
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

func network(a netip.Addr, nets Nets) GroupKey {
	bits := nets.V4
	if a.Is6() && !a.Is4In6() {
		bits = nets.V6
	}
	p, _ := a.Prefix(bits)
	return GroupKey{Net: p}
}

// site returns the network of an address by the default widths.
func site(a netip.Addr) GroupKey { return network(a, DefaultNets) }

// Name returns the displayed name of a group.
func (g Grouping) Name(k GroupKey, s *flow.Snapshot) string {
	switch g {
	case BySource, ByDestination, ByHost:
		return k.Net.Addr().String()
	case ByPair:
		return k.Net.Addr().String() + " ⇄ " + k.Peer.String()
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
		if k.Text != "" {
			return k.Text
		}
		if int(k.Number) < len(s.Interfaces) {
			return s.Interfaces[k.Number].Name
		}
	case ByProcess, ByUnit, ByContainer, ByName, ByCountry, BySystem:
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
	case ByHost:
		return "host:" + name
	case ByPair:
		return k.pairTerm()
	case ByPort:
		if k.Number == noPort {
			return "!dport:0-65535"
		}
		return "dport:" + name
	case ByState:
		return "state:" + strings.ToLower(name)
	case ByProto:
		return "proto:" + name
	case BySystem:
		if k.Text == "" {
			return "!as:*"
		}
		number, _, _ := strings.Cut(k.Text, " ")
		return "as:" + number
	case ByProcess, ByUnit, ByContainer, ByName, ByCountry:
		if k.Text == "" {
			return "!" + g.String() + ":*"
		}
		return g.String() + ":" + strings.Map(plain, k.Text)
	}
	return "if:" + strings.Map(plain, name)
}

// pairTerm matches the flows between two hosts, or those of a host with itself.
func (k GroupKey) pairTerm() string {
	if k.Net.Addr() == k.Peer {
		return "src:" + k.Peer.String() + " dst:" + k.Peer.String()
	}
	return "host:" + k.Net.Addr().String() + " host:" + k.Peer.String()
}

// plain returns what stands for a letter of a name in a filter, where some have a meaning
// of their own.
func plain(r rune) rune {
	if r == '-' || r == '_' || r == '.' || r == '@' || r == ':' || r == '/' || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return '*'
}
