package flow

import "testing"

// The numbers of protocols are IANA's.
func TestNumbersOfProtocols(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"ProtocolICMP", uint64(ProtocolICMP), 1},
		{"ProtocolTCP", uint64(ProtocolTCP), 6},
		{"ProtocolUDP", uint64(ProtocolUDP), 17},
		{"ProtocolICMPv6", uint64(ProtocolICMPv6), 58},
		{"ProtocolDCCP", uint64(ProtocolDCCP), 33},
		{"ProtocolSCTP", uint64(ProtocolSCTP), 132},
		{"ProtocolUDPLite", uint64(ProtocolUDPLite), 136},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
