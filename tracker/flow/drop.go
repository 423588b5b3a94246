package flow

// Drop says why a packet was not forwarded.
type Drop uint8

// The reasons, a closed set.
const (
	// DropPolicy is what the policy does not let through.
	DropPolicy Drop = iota
	// DropTooLong is a frame longer than the MTU of the interface that it was to
	// leave by.
	DropTooLong
	// DropOutput is a packet that the interface which it was to leave by did not
	// take: it is down or gone, or says itself that it did not send it.
	DropOutput
	numDrops
)

var dropNames = [numDrops]string{DropPolicy: "policy", DropTooLong: "too_long", DropOutput: "output"}

// Drops returns every reason, in the order in which outputs list them.
func Drops() []Drop { return all(numDrops) }

// String returns the reason's name as every output spells it.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return "unknown"
}
