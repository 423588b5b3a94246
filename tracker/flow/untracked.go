package flow

// Untracked is the reason why a packet was not tracked.
type Untracked uint8

// Untracked has no other values.
const (
	// UntrackedTable means that the flow did not fit into the table, or that
	// another packet held its lock there.
	UntrackedTable Untracked = iota
	// UntrackedNotIP means a frame without an IP packet.
	UntrackedNotIP
	// UntrackedDiscovery means a message for neighbour or router discovery.
	UntrackedDiscovery
	// UntrackedFragment means a later fragment whose first fragment is not
	// known.
	UntrackedFragment
	// UntrackedQuotedFragment means an ICMP error about a later fragment.
	UntrackedQuotedFragment
	// UntrackedExtensions means more IPv6 extension headers than the parser
	// reads.
	UntrackedExtensions
	// UntrackedEncapsulation means more tags or labels than the parser reads,
	// or no IP packet in them.
	UntrackedEncapsulation
	numUntracked
)

var untrackedNames = [numUntracked]string{
	UntrackedTable: "table", UntrackedNotIP: "not_ip", UntrackedDiscovery: "discovery",
	UntrackedFragment: "fragment", UntrackedQuotedFragment: "quoted_fragment",
	UntrackedExtensions: "extensions", UntrackedEncapsulation: "encapsulation",
}

// UntrackedReasons returns all values of Untracked in output order.
func UntrackedReasons() []Untracked { return all(numUntracked) }

// String returns the reason's name in all outputs.
func (u Untracked) String() string {
	if u < numUntracked {
		return untrackedNames[u]
	}
	return "unknown"
}
