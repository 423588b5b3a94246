package flow

// Untracked says why a packet was not tracked.
type Untracked uint8

// The reasons, a closed set.
const (
	// UntrackedTable is a packet whose flow found no room in the table, or
	// another packet in its way there.
	UntrackedTable Untracked = iota
	// UntrackedNotIP is a frame that carries something else than IP.
	UntrackedNotIP
	// UntrackedDiscovery is a message by which the hosts and routers of a link
	// find each other.
	UntrackedDiscovery
	// UntrackedFragment is a later fragment whose first one is not known.
	UntrackedFragment
	// UntrackedQuotedFragment is an ICMP error about a later fragment.
	UntrackedQuotedFragment
	// UntrackedExtensions is a packet with more IPv6 extension headers than are
	// looked through.
	UntrackedExtensions
	// UntrackedEncapsulation is a frame with more tags or labels than are
	// looked through, or with something else than IP in them.
	UntrackedEncapsulation
	numUntracked
)

var untrackedNames = [numUntracked]string{
	UntrackedTable: "table", UntrackedNotIP: "not_ip", UntrackedDiscovery: "discovery",
	UntrackedFragment: "fragment", UntrackedQuotedFragment: "quoted_fragment",
	UntrackedExtensions: "extensions", UntrackedEncapsulation: "encapsulation",
}

// UntrackedReasons returns every reason, in the order in which outputs list them.
func UntrackedReasons() []Untracked { return all(numUntracked) }

// String returns the reason's name as every output spells it.
func (u Untracked) String() string {
	if u < numUntracked {
		return untrackedNames[u]
	}
	return "unknown"
}
