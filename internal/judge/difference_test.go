package judge

import "slices"

// aftermath is what to do after a difference.
type aftermath uint8

const (
	// follow: set the kernel's entry to the state of ctop's flow, if they
	// differ.
	follow aftermath = iota
	// renew: delete the kernel's entry and play the packet to it again, since
	// ctop has started a new flow with it.
	renew
	// stand: leave both; later packets bring them together.
	stand
	// part: from here on the two track different flows.
	part
)

// difference is one deliberate difference between ctop and nf_conntrack.
type difference struct {
	name   string
	is     func(m *moment) bool
	after  aftermath
	reason string
	source string
}

// differences are tried in order: the first that holds explains the moment.
var differences = slices.Concat(captureDifferences, checksumDifferences, lateDifferences, resetDifferences, openingDifferences, closingDifferences, windowDifferences)

// checksumDifferences concern checksums.
var checksumDifferences = []difference{
	{
		name: "checksum",
		is: func(m *moment) bool {
			return m.step.Spoiled && m.kernel.Verdict == Invalid
		},
		after:  part,
		reason: "the receiver drops a packet with a bad checksum, and the sender retransmits it; reading every byte would cost more than all other tracking",
		source: "RFC 9293 3.1: the receiver checks it",
	},
}

// explain returns the first difference that explains the moment.
func explain(m *moment) *difference {
	for i := range differences {
		if d := &differences[i]; d.is(m) {
			return d
		}
	}
	return nil
}
