package flow

// Direction is one of the two directions of a flow.
type Direction uint8

const (
	// Origin is the direction of the flow's first packet.
	Origin Direction = iota
	// Reply is the opposite direction.
	Reply
)

// String returns "origin" or "reply".
func (d Direction) String() string {
	if d == Reply {
		return "reply"
	}
	return "origin"
}
