package flow

// Direction tells the two ways of a flow apart.
type Direction uint8

const (
	// Origin is the way of the flow's first packet.
	Origin Direction = iota
	// Reply is the other way.
	Reply
)

// String returns "origin" or "reply".
func (d Direction) String() string {
	if d == Reply {
		return "reply"
	}
	return "origin"
}
