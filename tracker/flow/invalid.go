package flow

// Invalid is the reason why a packet is invalid.
type Invalid uint8

// Invalid has no other values.
const (
	// InvalidMalformed means that a header is truncated or has a wrong length.
	InvalidMalformed Invalid = iota
	// InvalidFlags means an impossible combination of TCP flags.
	InvalidFlags
	// InvalidNoFlow means that a TCP packet belongs to no flow and cannot begin
	// one.
	InvalidNoFlow
	// InvalidState means that the flow's state does not permit the packet.
	InvalidState
	// InvalidWindow means that a TCP sequence or acknowledgement number is
	// outside the window.
	InvalidWindow
	// InvalidReset means that the numbers of a RST do not belong to its flow.
	InvalidReset
	// InvalidICMP means an ICMP reply without a request, or an ICMP error that
	// quotes no known flow.
	InvalidICMP
	numInvalid
)

var invalidNames = [numInvalid]string{
	InvalidMalformed: "malformed", InvalidFlags: "flags", InvalidNoFlow: "no_flow",
	InvalidState: "state", InvalidWindow: "window", InvalidReset: "reset", InvalidICMP: "icmp",
}

// InvalidReasons returns all values of Invalid in output order.
func InvalidReasons() []Invalid { return all(numInvalid) }

// String returns the reason's name in all outputs.
func (i Invalid) String() string {
	if i < numInvalid {
		return invalidNames[i]
	}
	return "unknown"
}
