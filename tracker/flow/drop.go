package flow

// Drop is the reason why a packet was not forwarded.
type Drop uint8

// Drop has no other values.
const (
	// DropPolicy means that the policy dropped the packet.
	DropPolicy Drop = iota
	// DropTooLong means that the frame exceeded the MTU of the egress
	// interface.
	DropTooLong
	// DropOutput means that the egress interface did not send the packet: it
	// was down or gone, or counted the packet as not sent.
	DropOutput
	numDrops
)

var dropNames = [numDrops]string{DropPolicy: "policy", DropTooLong: "too_long", DropOutput: "output"}

// Drops returns all values of Drop in output order.
func Drops() []Drop { return all(numDrops) }

// String returns the reason's name in all outputs.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return "unknown"
}
