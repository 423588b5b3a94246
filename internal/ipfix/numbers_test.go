package ipfix

import "testing"

// Versions, sets, types, semantics, units and end reasons are those of RFC 7011, RFC 5610 and
// IANA's IPFIX registry. The templates have the numbers that collectors have seen so far.
func TestNumbersOfStandards(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"reverseNumber", uint64(reverseNumber), 29305},
		{"reverseBit", uint64(reverseBit), 0x4000},
		{"variable", uint64(variable), 0xffff},
		{"shortString", uint64(shortString), 254},
		{"unsigned8", uint64(unsigned8), 1},
		{"unsigned16", uint64(unsigned16), 2},
		{"unsigned32", uint64(unsigned32), 3},
		{"text", uint64(text), 13},
		{"quantity", uint64(quantity), 1},
		{"totalCounter", uint64(totalCounter), 2},
		{"identifier", uint64(identifier), 4},
		{"unitNone", uint64(unitNone), 0},
		{"unitPackets", uint64(unitPackets), 3},
		{"unitMicroseconds", uint64(unitMicroseconds), 7},
		{"version", uint64(version), 10},
		{"headerLength", uint64(headerLength), 16},
		{"setHeaderLength", uint64(setHeaderLength), 4},
		{"maxDatagram", uint64(maxDatagram), 1232},
		{"endIdle", uint64(endIdle), 1},
		{"endActive", uint64(endActive), 2},
		{"endDetected", uint64(endDetected), 3},
		{"endForced", uint64(endForced), 4},
		{"endNoRoom", uint64(endNoRoom), 5},
		{"setTemplates", uint64(setTemplates), 2},
		{"setOptionTemplates", uint64(setOptionTemplates), 3},
		{"templateFlows", uint64(templateFlows), 256},
		{"templateReliability", uint64(templateReliability), 300},
		{"templateElements", uint64(templateElements), 301},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
