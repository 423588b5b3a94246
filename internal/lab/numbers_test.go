package lab

import "testing"

// Bits, sizes and types are those of linux/if_packet.h, linux/virtio_net.h, ICMP and TCP.
func TestNumbersOfTheKernel(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"statusChecksumNotReady", uint64(statusChecksumNotReady), 8},
		{"statusVLANValid", uint64(statusVLANValid), 0x10},
		{"statusVLANTypeValid", uint64(statusVLANTypeValid), 0x40},
		{"echoRequest4", uint64(echoRequest4), 8},
		{"echoReply4", uint64(echoReply4), 0},
		{"echoRequest6", uint64(echoRequest6), 128},
		{"echoReply6", uint64(echoReply6), 129},
		{"virtioSize", uint64(virtioSize), 10},
		{"virtioNeedsSum", uint64(virtioNeedsSum), 1},
		{"virtioTCPv4", uint64(virtioTCPv4), 1},
		{"virtioTCPv6", uint64(virtioTCPv6), 4},
		{"virtioECN", uint64(virtioECN), 0x80},
		{"ethernetSize", uint64(ethernetSize), 14},
		{"ipv6Size", uint64(ipv6Size), 40},
		{"tcpSeq", uint64(tcpSeq), 4},
		{"tcpFlagByte", uint64(tcpFlagByte), 13},
		{"tcpSum", uint64(tcpSum), 16},
		{"tcpMinimum", uint64(tcpMinimum), 20},
		{"tcpFIN", uint64(tcpFIN), 1},
		{"tcpPSH", uint64(tcpPSH), 8},
		{"tcpCWR", uint64(tcpCWR), 0x80},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, not %d", c.name, c.got, c.want)
		}
	}
}
