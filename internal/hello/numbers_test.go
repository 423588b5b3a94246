package hello

import "testing"

// Types, extensions, frames and lengths are those of TLS, QUIC and DNS: RFC 8446, RFC 9849,
// RFC 9000, RFC 9001 and RFC 1035.
func TestNumbersOfStandards(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"typeHandshake", uint64(typeHandshake), 22},
		{"typeClientHello", uint64(typeClientHello), 1},
		{"headerLength", uint64(headerLength), 4},
		{"recordHeader", uint64(recordHeader), 5},
		{"longestRecord", uint64(longestRecord), 16384},
		{"extensionName", uint64(extensionName), 0},
		{"extensionECH", uint64(extensionECH), 0xfe0d},
		{"extensionESNI", uint64(extensionESNI), 0xffce},
		{"kindHost", uint64(kindHost), 0},
		{"longestName", uint64(longestName), 253},
		{"longestLabel", uint64(longestLabel), 63},
		{"longestID", uint64(longestID), 20},
		{"sampleAt", uint64(sampleAt), 4},
		{"sampleLength", uint64(sampleLength), 16},
		{"tagLength", uint64(tagLength), 16},
		{"longHeader", uint64(longHeader), 0x80},
		{"fixedBit", uint64(fixedBit), 0x40},
		{"framePadding", uint64(framePadding), 0},
		{"framePing", uint64(framePing), 1},
		{"frameACK", uint64(frameACK), 2},
		{"frameACKECN", uint64(frameACKECN), 3},
		{"frameCrypto", uint64(frameCrypto), 6},
		{"PortQUIC", uint64(PortQUIC), 443},
		{"PortDNS", uint64(PortDNS), 53},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
