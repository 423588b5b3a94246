package field

import (
	"slices"

	"ctop/internal/sick"
	"ctop/tracker/flow"
)

// registry has one row per field. Rows with a title are in the order of the
// console's columns; the others follow.
var registry = append([]Field{
	{
		Name: "proto", Means: "protocol", Append: appendProto, Order: orderProto, Letter: "p",
		Title: "PROTO", Width: 5, Show: showProto, JSON: "proto", Always: true, Event: EveryEvent, Wide: "PROTO",
	},
	{
		Name: "origin", Means: "end that sent the first packet", Append: appendOrigin, Order: orderOrigin, Letter: "o",
		Title: "ORIGIN", Wide: "ORIGIN",
	},
	{
		Name: "reply", Means: "end that it went to", Append: appendReply, Order: orderReply, Letter: "r",
		Title: "REPLY", Wide: "REPLY",
	},
	{
		Name: "state", Means: "where its state machine stands", Append: appendState, Order: orderState, Letter: "e",
		Title: "STATE", Width: 11, JSON: "state", Always: true, Wide: "STATE",
	},
	{
		Name: "ttl", Means: "time left of the timeout", Example: "<1m", Kind: Span, Number: ttl, Ascending: true, Letter: "t",
		Title: "TTL", Width: 5, Show: showTTL, JSON: "ttl_s", Always: true, Wide: "TTL", Cell: cellTTL,
	},
	{
		Name: "out_rate", Means: "rate of the origin", Unit: bits, Kind: Rate, Number: outBits, Packets: outPPS, Seen: seenOut, Letter: "u",
		Title: "OUT", Head: "→", Width: 7, JSON: "origin.bps", Wide: "OUT-BPS",
	},
	{
		Name: "in_rate", Means: "rate of the reply", Unit: bits, Kind: Rate, Number: inBits, Packets: inPPS, Seen: seenIn, Letter: "i",
		Title: "IN", Head: "←", Width: 7, JSON: "reply.bps", Wide: "IN-BPS",
	},
	{
		Name: "bytes", Means: "bytes both ways", Example: ">1G", Kind: Count, Number: bytes, Letter: "a",
		Title: "TOTAL", Head: "TOTAL B", Width: 8,
	},
	{
		Name: "age", Means: "time since the first packet", Example: ">1h", Kind: Span, Number: age, Letter: "g",
		Title: "AGE", Width: 6, Show: showAge, JSON: "age_s", Event: EndEvent, Wide: "AGE", Cell: cellAge,
	},
	{
		Name: "idle", Means: "time since the last packet", Example: ">30s", Kind: Span, Number: idle, Letter: "d",
		Title: "IDLE", Width: 6, Show: showIdle, JSON: "idle_s", Always: true, Wide: "IDLE", Cell: cellIdle,
	},
	{
		Name: "rtt", Means: "the handshake's round trip", Example: ">100ms", Kind: Span, Of: isTCP, Number: roundTrip, Letter: "m",
		Title: "RTT", Width: 8,
	},
	{
		Name: "retransmits", Means: "retransmitted TCP segments", Example: ">0", Kind: Count, Of: isTCP, Number: retransmits, Letter: "x",
		Title: "RETR", Width: 6,
	},
	{
		Name: "out_packets", Means: "packets of the origin", Example: ">1k", Kind: Count, Number: outPackets, Seen: seenOut, Letter: "k",
		Title: "PKT OUT", Head: "→ PKTS", Width: 9, JSON: "origin.packets", Event: EndEvent, Wide: "OUT-PACKETS",
	},
	{
		Name: "in_packets", Means: "packets of the reply", Example: "<10", Kind: Count, Number: inPackets, Seen: seenIn, Letter: "n",
		Title: "PKT IN", Head: "← PKTS", Width: 9, JSON: "reply.packets", Event: EndEvent, Wide: "IN-PACKETS",
	},
	{
		Name: "out_bytes", Means: "bytes of the origin", Kind: Count, Number: outBytes, Seen: seenOut, Letter: "b",
		Title: "BYTE OUT", Head: "→ BYTES", Width: 9, JSON: "origin.bytes", Event: EndEvent, Wide: "OUT-BYTES",
	},
	{
		Name: "in_bytes", Means: "bytes of the reply", Kind: Count, Number: inBytes, Seen: seenIn, Letter: "y",
		Title: "BYTE IN", Head: "← BYTES", Width: 9, JSON: "reply.bytes", Event: EndEvent, Wide: "IN-BYTES",
	},
	{
		Name: "rate", Means: "rate both ways", Unit: bits, Kind: Rate, Number: bothBits, Packets: bothPPS, Letter: "w",
		Title: "RATE", Head: "⇄", Width: 7, Extra: true,
	},
	{
		Name: "reordered", Means: "TCP segments out of order", Example: ">0", Kind: Count, Of: isTCP, Number: reordered, Letter: "v",
		Title: "REORD", Width: 6, Extra: true,
	},
	{
		Name: "if", Means: "interface of the first packet", Example: ":veth1", Kind: Text, Text: interfaceName, Order: orderInterface, Letter: "f",
		Title: "IF", Width: 8, Extra: true, JSON: "in", Always: true, Event: EveryEvent, EventAdded: 5, Wide: "INTERFACE",
	},
	{
		Name: "id", Means: "id of the flow", Append: appendID, Order: orderID, Letter: "#",
		Title: "ID", Width: 16, Extra: true, JSON: "id", Always: true, Event: EveryEvent, Wide: "ID",
	},
	{
		Name: "dir", Means: "in or out, where watched", Example: ":in", Kind: Text, Text: direction, Order: orderDirection, Letter: "z",
		Title: "DIR", Width: 3, Extra: true, Show: showDirection, JSON: "dir", Added: 4, Event: EveryEvent, EventAdded: 5, Wide: "DIR", Cell: cellDirection,
	},
	{
		Name: "local", Means: "end that is this machine", Append: appendLocal, Holds: hasLocal, Order: orderLocal, Letter: "L",
		Title: "LOCAL", Width: 21, Extra: true, Wide: "LOCAL", Cell: cellLocal,
	},
	{
		Name: "remote", Means: "end that faces it", Append: appendRemote, Holds: hasLocal, Order: orderRemote, Letter: "R",
		Title: "REMOTE", Width: 21, Extra: true, Wide: "REMOTE", Cell: cellRemote,
	},
	{
		Name: "on", Means: "host of the fleet", Example: ":edge-*", Kind: Text, Text: hostName, Order: orderInterface,
		Title: "HOST", Width: 12, Extra: true, JSON: "host", Added: 9, Event: EveryEvent, EventAdded: 11,
	},
	{
		Name: "name", Means: "name of the far end", Kind: Text, Text: farName, Order: orderName, Letter: "N",
		Title: "NAME", Width: 20, Extra: true,
	},
	{
		Name: "server", Means: "name that traffic has of it", Example: ":*.example.org", Kind: Text, Text: serverName, Order: orderServer, Letter: "S",
		Title: "SERVER", Width: 24, Show: showServer, Extra: true, JSON: "server.name", Added: 12, Event: EveryEvent,
	},
	{Name: "server.source", Kind: Text, Text: serverSource, JSON: "server.source", Added: 12, Event: EveryEvent},
	{
		Name: "country", Means: "country of the far end", Kind: Text, Text: farCountry, Order: orderCountry, Letter: "C",
		Title: "CC", Width: 2, Extra: true,
	},
	{
		Name: "as", Means: "AS of the far end", Kind: Text, Text: farSystem, Order: orderSystem, Letter: "A",
		Title: "AS", Width: 20, Extra: true,
	},
	{Name: "geo.src_country", Kind: Text, Text: sourceCountry, JSON: "geo.src_country", Added: 10, Event: EveryEvent},
	{Name: "geo.dst_country", Kind: Text, Text: destinationCountry, JSON: "geo.dst_country", Added: 10, Event: EveryEvent},
	{Name: "geo.src_as", Kind: Text, Text: sourceSystem, Digits: true, JSON: "geo.src_as", Added: 10, Event: EveryEvent},
	{Name: "geo.dst_as", Kind: Text, Text: destinationSystem, Digits: true, JSON: "geo.dst_as", Added: 10, Event: EveryEvent},
	{Name: "names.src", Kind: Text, Text: sourceName, JSON: "names.src", Added: 10, Event: EveryEvent},
	{Name: "names.dst", Kind: Text, Text: destinationName, JSON: "names.dst", Added: 10, Event: EveryEvent},
	{Name: "packets", Means: "packets both ways", Example: "<10", Kind: Count, Number: packets},
	{Name: "pps", Means: "packets per second both ways", Example: ">1k", Kind: Rate, Number: bothPPS},
	{Name: "timeout", Means: "how long the flow may be silent", Example: "<1h", Kind: Span, Number: timeout},
	{Name: "zero_windows", Means: "times that a side closed its window", Example: ">0", Kind: Count, Of: isTCP, Number: zeroWindows},
	{
		Name: "invalid", Means: "packets invalid for the flow", Example: ">0", Kind: Count, Number: invalid,
		JSON: "invalid", Event: EndEvent, Wide: "INVALID", Cell: cellInvalid, Added: 1,
	},
	{
		Name: "related", Means: "ICMP errors about the flow", Example: ">0", Kind: Count, Number: related,
		JSON: "related", Event: EndEvent, Wide: "RELATED", Cell: cellRelated, Added: 1,
	},
	{Name: "local.end", Holds: hasLocal, Append: appendLocalEnd, JSON: "local", Event: EveryEvent, Added: 6},
	{
		Name: "pid", Means: "number of the process", Example: ":812", Kind: Count, Number: processID, Ascending: true,
		Title: "PID", Width: 7, Extra: true, Show: showPID, JSON: "process.pid", Added: 7, Event: EveryEvent, Wide: "PID",
	},
	{
		Name: "process", Means: "process behind the flow", Example: ":nginx", Kind: Text, Text: processName, Order: orderProcess,
		Title: "PROCESS", Width: 15, Extra: true, JSON: "process.name", Added: 7, Event: EveryEvent, Wide: "PROCESS", Cell: cellProcess,
	},
	{
		Name: "user", Means: "user of the process", Example: ":www-data", Kind: Text, Text: processUser,
		JSON: "process.user", Added: 7, Event: EveryEvent,
	},
	{
		Name: "unit", Means: "systemd unit of the process", Example: ":nginx.service", Kind: Text, Text: processUnit,
		JSON: "process.unit", Added: 7, Event: EveryEvent,
	},
	{
		Name: "container", Means: "container of the process", Example: ":0a1b2c3d4e5f", Kind: Text, Text: processContainer,
		JSON: "process.container", Added: 7, Event: EveryEvent,
	},
	{
		Name: "pod", Means: "pod of the process, by its UID", Example: ":UID", Kind: Text, Text: processPod,
		JSON: "process.pod", Added: 7, Event: EveryEvent,
	},
	{Name: "process.end", Append: appendProcessEnd, Holds: hasProcess, JSON: "process.end", Added: 7, Event: EveryEvent},
	{Name: "closed_by", Holds: closed, Append: appendCloser, JSON: "closed_by", Event: CloseEvent, Added: 1},
	{Name: "answered", Means: "it was answered; !answered: seen one way only", Kind: Flag, Holds: seenIn},
	{Name: "pinned", Means: "it has a timeout of its own", Kind: Flag, Holds: pinned},
	{Name: "one_sided", Means: "its other end was not seen on its own side", Kind: Flag, Holds: oneSided, JSON: "one_sided", Added: 3},
	{Name: "inherited", Means: "the other host of the pair has it: its packets come by there, not here", Kind: Flag, Holds: inherited, JSON: "inherited", Added: 13},
	{Name: "sick", Means: "something is wrong with it: ! in the console", Kind: Flag, Holds: sick.Holds},
	{Name: "first-seen", Means: "it brought what was never there before: --first-seen", Kind: Flag, Holds: firstSeen, JSON: "first_seen", Added: 11},
	{Name: "came", Means: "it was not there at the mark: m, M in the console, ctop diff", Kind: Flag, Holds: unknown},
	{Name: "went", Means: "it was there at the mark, and is no longer", Kind: Flag, Holds: unknown},
	{Name: "changed", Means: "its state or a counter differs since the mark", Kind: Flag, Holds: unknown},
	{Name: "nat", Means: "the machine translates its addresses", Kind: Flag, Holds: translated},
	{Name: "vlan", Kind: Count, Number: vlan, JSON: "vlan", Event: EveryEvent, Wide: "VLAN", Cell: cellVLANs},
	{Name: "vlan_inner", Kind: Count, Number: vlanInner, JSON: "vlan_inner", Event: EveryEvent},
	{Name: "vlan_third", Kind: Count, Number: vlanThird, JSON: "vlan_third", Event: EveryEvent, Added: 2},
	{Name: "pppoe", Kind: Count, Number: session, JSON: "pppoe_session", Event: EveryEvent, Added: 2},
}, slices.Concat(directions(), otherHalf())...)

// directions returns the fields of both directions that are in the data only.
func directions() []Field {
	return []Field{
		{Name: "origin.src", Append: appendSource, JSON: "origin.src", Always: true, Event: EveryEvent},
		{Name: "origin.sport", Kind: Count, Of: flow.Protocol.HasPorts, Number: sourcePort, JSON: "origin.sport", Event: EveryEvent},
		{Name: "origin.dst", Append: appendDestination, JSON: "origin.dst", Always: true, Event: EveryEvent},
		{Name: "origin.dport", Kind: Count, Of: flow.Protocol.HasPorts, Number: destinationPort, JSON: "origin.dport", Event: EveryEvent},
		{Name: "origin.type", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpRequest, JSON: "origin.type", Event: EveryEvent},
		{Name: "origin.code", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpCode, JSON: "origin.code", Event: EveryEvent},
		{Name: "origin.icmp_id", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpID, JSON: "origin.icmp_id", Event: EveryEvent},
		{Name: "origin.pps", Kind: Rate, Number: outPPS, Seen: seenOut, JSON: "origin.pps", Wide: "OUT-PPS"},
		{Name: "origin.retransmits", Kind: Count, Of: isTCP, Number: outRetransmits, JSON: "origin.retransmits", Event: EndEvent, Added: 1, Wide: "OUT-RETR", Cell: segments(outRetransmits, seenOut)},
		{Name: "origin.reordered", Kind: Count, Of: isTCP, Number: outReordered, JSON: "origin.reordered", Event: EndEvent, Added: 2, Wide: "OUT-REORD", Cell: segments(outReordered, seenOut)},
		{Name: "origin.zero_windows", Kind: Count, Of: isTCP, Number: outZeroWindows, JSON: "origin.zero_windows", Event: EndEvent, Added: 1, Wide: "OUT-ZEROWIN", Cell: segments(outZeroWindows, seenOut)},
		{Name: "origin.rtt", Kind: Span, Of: isTCP, Number: outRTT, JSON: "origin.rtt_s", Event: EndEvent, Added: 1, Wide: "OUT-RTT", Cell: millis(outRTT, seenOut)},
		{Name: "reply.src", Append: appendDestination, JSON: "reply.src", Always: true},
		{Name: "reply.sport", Kind: Count, Of: flow.Protocol.HasPorts, Number: destinationPort, JSON: "reply.sport"},
		{Name: "reply.dst", Append: appendSource, JSON: "reply.dst", Always: true},
		{Name: "reply.dport", Kind: Count, Of: flow.Protocol.HasPorts, Number: sourcePort, JSON: "reply.dport"},
		{Name: "reply.type", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpAnswer, JSON: "reply.type"},
		{Name: "reply.code", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpCode, JSON: "reply.code"},
		{Name: "reply.icmp_id", Kind: Count, Of: flow.Protocol.HasICMP, Number: icmpID, JSON: "reply.icmp_id"},
		{Name: "reply.pps", Kind: Rate, Number: inPPS, Seen: seenIn, JSON: "reply.pps", Wide: "IN-PPS"},
		{Name: "reply.retransmits", Kind: Count, Of: isTCP, Number: inRetransmits, JSON: "reply.retransmits", Event: EndEvent, Added: 1, Wide: "IN-RETR", Cell: segments(inRetransmits, seenIn)},
		{Name: "reply.reordered", Kind: Count, Of: isTCP, Number: inReordered, JSON: "reply.reordered", Event: EndEvent, Added: 2, Wide: "IN-REORD", Cell: segments(inReordered, seenIn)},
		{Name: "reply.zero_windows", Kind: Count, Of: isTCP, Number: inZeroWindows, JSON: "reply.zero_windows", Event: EndEvent, Added: 1, Wide: "IN-ZEROWIN", Cell: segments(inZeroWindows, seenIn)},
		{Name: "reply.rtt", Kind: Span, Of: isTCP, Number: inRTT, JSON: "reply.rtt_s", Event: EndEvent, Added: 1, Wide: "IN-RTT", Cell: millis(inRTT, seenIn)},
	}
}

// bits is the unit of rates in filters.
const bits = "bits per second"

// byName maps names to row numbers.
var byName = func() map[string]int {
	rows := make(map[string]int, len(registry))
	for i := range registry {
		rows[registry[i].Name] = i
	}
	return rows
}()

// Names that code refers to.
const (
	Age       = "age"
	InRate    = "in_rate"
	Origin    = "origin"
	OutRate   = "out_rate"
	Protocol  = "proto"
	Reply     = "reply"
	State     = "state"
	TotalRate = "rate"
	TTL       = "ttl"
)

// otherHalf returns the fields of a translated flow's other half.
func otherHalf() []Field {
	return []Field{
		{Name: "nat.src", Kind: Text, Text: natSource, JSON: "nat.src", Added: 5},
		{Name: "nat.sport", Kind: Text, Of: flow.Protocol.HasPorts, Text: natSourcePort, Digits: true, JSON: "nat.sport", Added: 5},
		{Name: "nat.dst", Kind: Text, Text: natDestination, JSON: "nat.dst", Added: 5},
		{Name: "nat.dport", Kind: Text, Of: flow.Protocol.HasPorts, Text: natDestinationPort, Digits: true, JSON: "nat.dport", Added: 5},
		{Name: "nat.icmp_id", Kind: Text, Of: flow.Protocol.HasICMP, Text: natICMPID, Digits: true, JSON: "nat.icmp_id", Added: 5},
	}
}
