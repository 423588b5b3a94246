package table

import (
	"slices"

	"ctop/internal/order"
)

// columnID names a column.
type columnID uint8

// The columns from left to right.
const (
	proto columnID = iota
	origin
	arrow
	reply
	state
	ttl
	bar
	out
	in
	total
	age
	outPackets
	inPackets
	outBytes
	inBytes
	rate
	idle
	rtt
	retrans
	reordered
	iface
	id
	numColumns
)

// column says how a column is laid out.
type column struct {
	title string
	// width is the least the column can do with. Those of the addresses and
	// of the protocol depend on what they have to hold.
	width int
	right bool
	// key sorts by the column; columns without a title have none.
	key order.Key
	// name is what the column is called where one can choose it, empty where
	// it is always there.
	name, means string
	// extra columns are only there when asked for.
	extra bool
}

var columns = [numColumns]column{
	proto:      {title: "PROTO", width: 5, key: order.Proto},
	origin:     {title: "ORIGIN", key: order.Origin},
	arrow:      {width: 1, key: order.Reply},
	reply:      {title: "REPLY", key: order.Reply},
	state:      {title: "STATE", width: 11, key: order.State, name: "state", means: "where its state machine stands"},
	ttl:        {title: "TTL", width: 5, right: true, key: order.TTL, name: "ttl", means: "what is left of its timeout"},
	bar:        {width: 8, key: order.TTL, name: "bar", means: "the same as a bar"},
	out:        {title: "OUT", width: 7, right: true, key: order.Out, name: "out", means: "rate of the origin"},
	in:         {title: "IN", width: 7, right: true, key: order.In, name: "in", means: "rate of the reply"},
	total:      {title: "TOTAL", width: 8, right: true, key: order.Total, name: "total", means: "bytes both ways"},
	age:        {title: "AGE", width: 6, right: true, key: order.Age, name: "age", means: "since its first packet"},
	outPackets: {title: "PKT OUT", width: 9, right: true, key: order.OutPackets, name: "pkt-out", means: "packets of the origin"},
	inPackets:  {title: "PKT IN", width: 9, right: true, key: order.InPackets, name: "pkt-in", means: "packets of the reply"},
	outBytes:   {title: "BYTE OUT", width: 9, right: true, key: order.OutBytes, name: "byte-out", means: "bytes of the origin"},
	inBytes:    {title: "BYTE IN", width: 9, right: true, key: order.InBytes, name: "byte-in", means: "bytes of the reply"},
	rate:       {title: "RATE", width: 7, right: true, key: order.Rate, name: "rate", means: "rate both ways", extra: true},
	idle:       {title: "IDLE", width: 6, right: true, key: order.Idle, name: "idle", means: "since its last packet", extra: true},
	rtt:        {title: "RTT", width: 8, right: true, key: order.RTT, name: "rtt", means: "the handshake's round trip", extra: true},
	retrans:    {title: "RETR", width: 6, right: true, key: order.Retransmits, name: "retrans", means: "segments sent again", extra: true},
	reordered:  {title: "REORD", width: 6, right: true, key: order.Reordered, name: "reorder", means: "segments out of order", extra: true},
	iface:      {title: "IF", width: 8, key: order.Interface, name: "iface", means: "where its first packet came in", extra: true},
	id:         {title: "ID", width: 16, key: order.ID, name: "id", means: "its id", extra: true},
}

// givingWay lists the columns in the order in which they are given up where
// the screen is too narrow for all. Where there is no room for the rates of both
// directions, one column shows their sum.
var givingWay = [...][]columnID{
	{outBytes, inBytes},
	{outPackets, inPackets},
	{age},
	{total},
	{bar},
	{id},
	{reordered},
	{retrans},
	{rtt},
	{iface},
	{idle},
	{rate},
	{out},
	{arrow},
	{in, rate},
	{ttl},
	{state},
}

// comfort is how many of the columns in givingWay an address that is longer
// than an IPv4 one may drive out before it is shortened instead.
const comfort = 4

// Column is a column that one can choose.
type Column struct{ Name, Means string }

// Columns returns the columns that one can choose, from left to right.
func Columns() []Column {
	var list []Column
	for _, c := range columns {
		if c.name != "" {
			list = append(list, Column{c.name, c.means})
		}
	}
	return list
}

// selection says which columns are wanted.
type selection [numColumns]bool

// standard are the columns that are wanted until others are.
func standard() (s selection) {
	for id := range s {
		s[id] = !columns[id].extra
	}
	return s
}

// selectionOf reads names. Those that mean nothing are passed over.
func selectionOf(names []string) (s selection) {
	for id := range s {
		s[id] = columns[id].name == "" || slices.Contains(names, columns[id].name)
	}
	return s
}

// Choose says by name which columns are wanted; nil are the standard ones.
func (m *Model) Choose(names []string) {
	m.wanted = standard()
	if names != nil {
		m.wanted = selectionOf(names)
	}
	m.measure()
}

// Chosen returns the wanted columns by name, nil for the standard ones.
func (m *Model) Chosen() []string {
	if m.wanted == standard() {
		return nil
	}
	names := []string{}
	for id, wanted := range m.wanted {
		if wanted && columns[id].name != "" {
			names = append(names, columns[id].name)
		}
	}
	return names
}

// Has reports whether a column is wanted.
func (m *Model) Has(name string) bool {
	for id := range columns {
		if columns[id].name == name {
			return m.wanted[id]
		}
	}
	return false
}
