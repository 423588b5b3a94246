package flow

// Invalid says why a packet was called invalid.
type Invalid uint8

// The reasons, a closed set.
const (
	// InvalidMalformed is a header that is cut short or that lies about a
	// length.
	InvalidMalformed Invalid = iota
	// InvalidFlags is a combination of TCP flags that means nothing.
	InvalidFlags
	// InvalidNoFlow is a TCP packet that belongs to no flow and cannot begin
	// one.
	InvalidNoFlow
	// InvalidState is a packet that has no place in its flow's state.
	InvalidState
	// InvalidWindow is a TCP packet outside what may be sent or acknowledged.
	InvalidWindow
	// InvalidReset is a RST whose numbers do not belong to its flow.
	InvalidReset
	// InvalidICMP is an ICMP answer to which there is no request, or an
	// error that quotes no known flow.
	InvalidICMP
	numInvalid
)

var invalidNames = [numInvalid]string{
	InvalidMalformed: "malformed", InvalidFlags: "flags", InvalidNoFlow: "no_flow",
	InvalidState: "state", InvalidWindow: "window", InvalidReset: "reset", InvalidICMP: "icmp",
}

// InvalidReasons returns every reason, in the order in which outputs list them.
func InvalidReasons() []Invalid { return all(numInvalid) }

// String returns the reason's name as every output spells it.
func (i Invalid) String() string {
	if i < numInvalid {
		return invalidNames[i]
	}
	return "unknown"
}
