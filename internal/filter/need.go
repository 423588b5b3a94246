package filter

import (
	"math"
	"net/netip"
	"strings"

	"ctop/tracker/flow"
)

// need is what a flow must be to match a term, as far as its tuple tells: one of the
// rules. It may hold for flows that do not match. nil is any flow.
type need []flow.Rule

// mostRules limits the rules of a need. With more it becomes that of any flow.
const mostRules = 16

// Needs returns rules of which a matching flow fits one, as far as protocol, addresses
// and ports tell. nil stands for any flow.
func (f Filter) Needs() []flow.Rule { return f.needs }

// Fixed reports whether a flow that matches always does, and one that does not never
// will: the filter asks for nothing that changes.
func (f Filter) Fixed() bool { return !f.varies && !f.UsesNames() && !f.ended }

// either returns the need of two terms of which one must hold.
func (n need) either(other need) need {
	if n == nil || other == nil || len(n)+len(other) > mostRules {
		return nil
	}
	return append(append(need{}, n...), other...)
}

// both returns the need of two terms that must both hold. Of what does not fit into one
// rule, the first part stays.
func (n need) both(other need) need {
	switch {
	case n == nil:
		return other
	case other == nil || len(n)*len(other) > mostRules:
		return n
	}
	var all need
	for _, a := range n {
		for _, b := range other {
			all = append(all, joined(a, b)...)
		}
	}
	if len(all) > mostRules {
		return n
	}
	return all
}

// joined returns the rules for flows that fit both rules.
func joined(a, b flow.Rule) need {
	if b.HasProto && !a.HasProto {
		a.Proto, a.HasProto = b.Proto, true
	}
	if a.Family == 0 {
		a.Family = b.Family
	}
	free := flow.RuleEnd{}
	if a.Ends[0] == free {
		a.Ends = b.Ends
	}
	if b.Ends[0] == free || a.Ends == b.Ends || a.Ends[1] != free || b.Ends[1] != free {
		return need{a}
	}
	// What the two ask for may be at one end, or one of it at each.
	opposite := a
	opposite.Ends[1] = b.Ends[0]
	if same, ok := merged(a.Ends[0], b.Ends[0]); ok {
		a.Ends[0] = same
		return need{a, opposite}
	}
	return need{opposite}
}

// merged returns what an end must be that fits both. ok is false if none does.
func merged(a, b flow.RuleEnd) (_ flow.RuleEnd, ok bool) {
	switch {
	case !a.Net.IsValid():
		a.Net = b.Net
	case !b.Net.IsValid():
	case !a.Net.Overlaps(b.Net):
		return a, false
	case b.Net.Bits() > a.Net.Bits():
		a.Net = b.Net
	}
	if a.High == 0 {
		a.Low, a.High = b.Low, b.High
	} else if b.High != 0 {
		a.Low, a.High = max(a.Low, b.Low), min(a.High, b.High)
	}
	return a, a.Low <= a.High
}

// endsNeed returns the need that an end is in a network or has a port.
func endsNeed(ends ...flow.RuleEnd) need {
	var n need
	for _, e := range ends {
		n = append(n, flow.Rule{Ends: [2]flow.RuleEnd{e}})
	}
	if len(n) > mostRules {
		return nil
	}
	return n
}

func prefixNeed(p netip.Prefix) need { return endsNeed(flow.RuleEnd{Net: p}) }

func protoNeed(p flow.Protocol) need { return need{{Proto: p, HasProto: true}} }

// valuesNeed returns the need of a field that has one of several values.
func valuesNeed(op, values string, of func(op, value string) need) need {
	if op == "!=" {
		return nil
	}
	var all need
	for i, value := range strings.Split(values, ",") {
		n := of(op, value)
		if n == nil {
			return nil
		}
		if i == 0 {
			all = n
		} else {
			all = all.either(n)
		}
	}
	return all
}

// addressNeed returns the need of an address, a prefix or a pattern.
func addressNeed(_, value string) need {
	if p, err := readPrefix(value); err == nil {
		return prefixNeed(p)
	}
	if p, err := readNet(value); err == nil {
		return prefixNeed(p)
	}
	return nil
}

// portNeed returns the need of a port or a range of them.
func portNeed(op, value string) need {
	s, err := readRange(op, value, readPort)
	if err != nil {
		return nil
	}
	low, high := math.Ceil(max(s.low, 0)), math.Floor(min(s.high, math.MaxUint16))
	if low > high || low == 0 {
		return nil // port 0 stands for none in a rule
	}
	return endsNeed(flow.RuleEnd{Low: uint16(low), High: uint16(high)})
}

// protocolNeed returns the need of a protocol or an address family.
func protocolNeed(_, value string) need {
	switch strings.ToLower(value) {
	case "ip":
		return need{{Family: 4}}
	case "ip6":
		return need{{Family: 6}}
	}
	if p, ok := flow.ProtocolNamed(strings.TrimPrefix(value, `\`)); ok && p != 0 {
		return protoNeed(p)
	}
	return nil
}

// fieldNeed returns the need of a field's values. fixed is set if a flow's value never
// changes.
func fieldNeed(name, op, values string) (n need, fixed bool) {
	switch name {
	case "proto":
		return valuesNeed(op, values, protocolNeed), true
	case "host", "net", "src", "dst":
		return valuesNeed(op, values, addressNeed), true
	case "port", "portrange", "sport", "dport":
		return valuesNeed(op, values, portNeed), true
	case "icmp", "vlan", "pppoe", "pppoes", "id", "dir", onInterface:
		return nil, true
	}
	return nil, isSide(name)
}

// bareNeed returns the need of a value without a keyword.
func bareNeed(word string) need {
	if _, err := readID(word); err == nil && len(word) == 16 {
		return nil
	}
	// In a key the id of an ICMP request is where ports are.
	if n := portNeed(":", strings.TrimPrefix(word, "#")); n != nil {
		return n
	}
	var one flow.End
	if err := one.UnmarshalText([]byte(word)); err == nil && word != "" {
		net := netip.PrefixFrom(one.Addr(), one.Addr().BitLen())
		return endsNeed(flow.RuleEnd{Net: net, Low: one.Port(), High: one.Port()})
	}
	return addressNeed("", word)
}
