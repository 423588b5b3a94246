package field

import (
	"cmp"
	"slices"
	"strings"
)

// jsonOrder is the published order of a flow's members in JSON. New members
// follow, each in its object.
const jsonOrder = `id proto state
origin.src origin.sport origin.dst origin.dport origin.type origin.code origin.icmp_id
origin.packets origin.bytes origin.pps origin.bps
origin.retransmits origin.reordered origin.zero_windows origin.rtt_s
reply.src reply.sport reply.dst reply.dport reply.type reply.code reply.icmp_id
reply.packets reply.bytes reply.pps reply.bps
reply.retransmits reply.reordered reply.zero_windows reply.rtt_s
vlan vlan_inner vlan_third pppoe_session in age_s idle_s ttl_s invalid related closed_by one_sided`

// wideOrder is the published order of the columns of a wide table.
const wideOrder = `PROTO ORIGIN REPLY STATE TTL OUT-PACKETS OUT-BYTES OUT-PPS OUT-BPS
IN-PACKETS IN-BYTES IN-PPS IN-BPS OUT-RETR OUT-REORD OUT-ZEROWIN OUT-RTT
IN-RETR IN-REORD IN-ZEROWIN IN-RTT AGE IDLE INVALID RELATED VLAN INTERFACE ID`

// Members returns the fields of a flow's JSON object in output order. Members
// of an inner object are adjacent.
func Members() []*Field {
	var list []*Field
	for _, f := range published(jsonOrder, func(f *Field) string { return f.JSON }) {
		at := len(list)
		for i, before := range list {
			if f.object() != "" && before.object() == f.object() {
				at = i + 1
			}
		}
		list = slices.Insert(list, at, f)
	}
	return list
}

// Beside reports whether two members are in the same inner object.
func (f *Field) Beside(other *Field) bool { return f.object() == other.object() }

// object returns the name of the member's inner object, empty for the flow's
// own.
func (f *Field) object() string {
	object, _, inner := strings.Cut(f.JSON, ".")
	if !inner {
		return ""
	}
	return object
}

// Records returns the fields of a CSV record in column order. New columns are
// only added at the end.
func Records() []*Field {
	list := Members()
	slices.SortStableFunc(list, func(a, b *Field) int { return cmp.Compare(a.Added, b.Added) })
	return list
}

// EventRecords returns the fields of an event's CSV record in column order. New columns
// are only added at the end.
func EventRecords() []*Field {
	list := Members()
	slices.SortStableFunc(list, func(a, b *Field) int { return cmp.Compare(a.InEventsSince(), b.InEventsSince()) })
	return list
}

// InEventsSince returns the release number of the events that introduced the field.
func (f *Field) InEventsSince() int { return max(f.Added, f.EventAdded) }

// Wide returns the fields of a wide table in column order.
func Wide() []*Field {
	return published(wideOrder, func(f *Field) string { return f.Wide })
}

// published returns the fields for which name is not empty: first those in the
// published order, then the others in registry order.
func published(order string, name func(*Field) string) []*Field {
	var list []*Field
	for i := range registry {
		if name(&registry[i]) != "" {
			list = append(list, &registry[i])
		}
	}
	names := strings.Fields(order)
	place := func(f *Field) int {
		if at := slices.Index(names, name(f)); at >= 0 {
			return at
		}
		return len(names)
	}
	slices.SortStableFunc(list, func(a, b *Field) int { return cmp.Compare(place(a), place(b)) })
	return list
}
