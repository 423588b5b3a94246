package judge

import "slices"

// aftermath says what comes of a difference.
type aftermath uint8

const (
	// follow: the kernel's entry is brought to where ctop's flow stands, if
	// they do not stand alike.
	follow aftermath = iota
	// renew: the kernel's entry is deleted and the packet put before it again,
	// since ctop has begun a new flow with it.
	renew
	// stand: each is left where it stands; what comes next brings them together.
	stand
	// part: from here on the two speak of different flows.
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

// differences are looked through in order: the first that holds explains.
var differences = slices.Concat(captureDifferences, checksumDifferences, lateDifferences, resetDifferences, openingDifferences, closingDifferences, windowDifferences)

// checksumDifferences is the one about checksums.
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

// explain returns the first difference that the moment is an instance of.
func explain(m *moment) *difference {
	for i := range differences {
		if d := &differences[i]; d.is(m) {
			return d
		}
	}
	return nil
}
