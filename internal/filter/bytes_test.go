package filter

import (
	"strings"
	"testing"
)

// TestBytesOfPackets has what tcpdump's users type to ask for bytes of packets. Each
// is refused where it begins, with a term to write instead, and that term is one.
func TestBytesOfPackets(t *testing.T) {
	for text, want := range map[string]string{
		"tcp[tcpflags] & tcp-syn != 0":               "state:syn",
		"tcp[tcpflags]&(tcp-syn|tcp-fin)!=0":         "state:syn",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) = 18":     "state:syn",
		"tcp[tcpflags] & tcp-fin != 0":               "state:fin",
		"tcp[tcpflags] == tcp-rst":                   "reason:rst",
		"tcp[13] & 2 != 0":                           "state:syn",
		"tcp[13]=18":                                 "state:syn",
		"TCP[TcpFlags] & TCP-SYN != 0":               "state:syn",
		"tcp [13] & 2 != 0":                          "state:syn",
		"tcp[0:2] = 80":                              "sport:80",
		"udp[2:2]=53":                                "dport:53",
		"tcp[14:2] = 0":                              "zerowin>0",
		"ip[9] = 6":                                  "proto:6",
		"ip6[6] == 58":                               "proto:58",
		"ip[12:4] = 0x0a000001":                      "src:10.0.0.1",
		"ip[16:4] = 0x0a000001":                      "dst:10.0.0.1",
		"ip[2:2] > 576":                              "bytes>1000",
		"icmp[icmptype] == icmp-echo":                "icmp:echo",
		"icmp[icmptype] != icmp-echo":                "icmp:echo",
		"icmp[0] = 8":                                "icmp:echo",
		"icmp[4:2] = 77":                             "#77",
		"icmp6[0] == 128":                            "icmp:echo",
		"icmp6[icmp6type] = icmp6-echo":              "icmp:echo",
		"udp[8:2] = 53":                              "port:53",
		"ether[0] & 1 = 0":                           "host:10.0.0.1",
		"wlan[0] = 0x80":                             "proto:tcp",
		"tcp port 80 and (tcp[((tcp[12:1]&0xf0)>>2)": "port:53",
		"host 10.0.0.1 or tcp[13] & 1 != 0":          "state:fin",
		"not tcp[13] & 4 != 0":                       "reason:rst",
		"0 != tcp[13] & 2":                           "state:syn",
		"18 == tcp[tcpflags]":                        "state:syn",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), "bytes of packets are not kept: write ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", text, err, want)
			continue
		}
		if _, err := Parse(want); err != nil {
			t.Errorf("what is to be written instead of %q: %v", text, err)
		}
		if strings.Contains(err.Error(), "~") {
			t.Errorf("%q: %v: no text has bytes", text, err)
		}
	}
}

// TestBytesAreNoAddress reads what has brackets and asks for no bytes.
func TestBytesAreNoAddress(t *testing.T) {
	for _, text := range []string{"[2001:db8::1]:53", "tcp [2001:db8::1]:53", "~tcp[13]", "in:eth[0]"} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBytesSayWhere(t *testing.T) {
	for text, column := range map[string]string{
		"tcp[13] & 2 != 0": "(column 1)", "udp and ip[9] = 6": "(column 9)", "0 != tcp[13] & 2": "(column 6)", "tcp [13]": "(column 5)",
	} {
		if _, err := Parse(text); err == nil || !strings.HasSuffix(err.Error(), column) {
			t.Errorf("%q: %v does not end with %s", text, err, column)
		}
	}
}
