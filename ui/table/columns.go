package table

import "ctop/ui/order"

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
}

var columns = [numColumns]column{
	proto:      {"PROTO", 5, false, order.Proto},
	origin:     {"ORIGIN", 0, false, order.Origin},
	arrow:      {"", 1, false, order.Reply},
	reply:      {"REPLY", 0, false, order.Reply},
	state:      {"STATE", 11, false, order.State},
	ttl:        {"TTL", 5, true, order.TTL},
	bar:        {"", 8, false, order.TTL},
	out:        {"OUT", 7, true, order.Out},
	in:         {"IN", 7, true, order.In},
	total:      {"TOTAL", 8, true, order.Total},
	age:        {"AGE", 6, true, order.Age},
	outPackets: {"PKT OUT", 9, true, order.OutPackets},
	inPackets:  {"PKT IN", 9, true, order.InPackets},
	outBytes:   {"BYTE OUT", 9, true, order.OutBytes},
	inBytes:    {"BYTE IN", 9, true, order.InBytes},
}

// givingWay lists the columns in the order in which they are given up where
// the screen is too narrow for all.
var givingWay = [...][]columnID{
	{outBytes, inBytes}, {outPackets, inPackets},
	{age}, {total}, {bar}, {out}, {arrow}, {in}, {ttl}, {state},
}

// comfort is how many of the columns in givingWay an address that is longer
// than an IPv4 one may drive out before it is shortened instead.
const comfort = 4
