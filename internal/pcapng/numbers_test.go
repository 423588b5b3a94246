package pcapng

import "testing"

// Blocks, options and link types are those of the pcapng draft and tcpdump.org.
func TestNumbersOfStandards(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"blockSection", uint64(blockSection), 0x0a0d0d0a},
		{"blockInterface", uint64(blockInterface), 1},
		{"blockStatistics", uint64(blockStatistics), 5},
		{"blockPacket", uint64(blockPacket), 6},
		{"byteOrderMagic", uint64(byteOrderMagic), 0x1a2b3c4d},
		{"optionComment", uint64(optionComment), 1},
		{"optionOS", uint64(optionOS), 3},
		{"optionApplication", uint64(optionApplication), 4},
		{"optionName", uint64(optionName), 2},
		{"optionResolution", uint64(optionResolution), 9},
		{"optionFilter", uint64(optionFilter), 11},
		{"optionFlags", uint64(optionFlags), 2},
		{"optionReceived", uint64(optionReceived), 4},
		{"optionDropped", uint64(optionDropped), 5},
		{"nanoseconds", uint64(nanoseconds), 9},
		{"LinkEthernet", uint64(LinkEthernet), 1},
		{"LinkRaw", uint64(LinkRaw), 101},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
