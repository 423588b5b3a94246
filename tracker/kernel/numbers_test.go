package kernel

import "testing"

// What the programs in the kernel and this package have in common: the layout of fields, and
// numbers that other versions of ctop read.
func TestNumbersOfTheLayout(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"vlanBits", uint64(vlanBits), 12},
		{"vlanMask", uint64(vlanMask), 4095},
		{"zoneBits", uint64(zoneBits), 4},
		{"stateMask", uint64(stateMask), 0x3f},
		{"partnerLives", uint64(partnerLives), 0x80000000},
		{"loopback", uint64(loopback), 1},
		{"minFrame", uint64(minFrame), 14},
		{"MetaSize", uint64(MetaSize), 262144},
		{"layoutVersion", uint64(layoutVersion), 7},
		{"ethernetHeader", uint64(ethernetHeader), 14},
		{"ownerStatus", uint64(ownerStatus), 0xff},
		{"ownerReply", uint64(ownerReply), 0x100},
		{"MaxWatched", uint64(MaxWatched), 4095},
		{"MaxSnap", uint64(MaxSnap), 0xfc00},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
