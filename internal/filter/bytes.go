package filter

import "strings"

// Suggestions for tcpdump's expressions about packet bytes.
const (
	insteadOfFlags  = "state:syn, state:fin or reason:rst"
	insteadOfSource = "sport:80, or src port 80"
	insteadOfTarget = "dport:53, or dst port 53"
	insteadOfType   = "icmp:echo, or icmp: with the number of a request"
	insteadOfID     = "#77, with the id"
	insteadOfLength = "bytes>1000, packets>10 or rate>1M"
	insteadOfAny    = "what is known of a flow, like proto:tcp or port:53"
)

// insteadOfBytes maps a protocol header or a field in it, by offset or
// tcpdump's name, to a suggestion.
var insteadOfBytes = map[string]string{
	"tcp[13": insteadOfFlags, "tcp[tcpflags": insteadOfFlags, "tcp[12": insteadOfFlags, "tcp[14": "zerowin>0",
	"tcp[0": insteadOfSource, "udp[0": insteadOfSource, "sctp[0": insteadOfSource,
	"tcp[2": insteadOfTarget, "udp[2": insteadOfTarget, "sctp[2": insteadOfTarget,
	"icmp[0": insteadOfType, "icmp[icmptype": insteadOfType, "icmp6[0": insteadOfType, "icmp6[icmp6type": insteadOfType,
	"icmp[4": insteadOfID, "icmp6[4": insteadOfID,
	"ip[9": "proto:tcp, or proto:6 by number", "ip6[6": "proto:icmpv6, or proto:58 by number",
	"ip[12": "src:10.0.0.1", "ip[16": "dst:10.0.0.1", "ip6[8": "src:2001:db8::1", "ip6[24": "dst:2001:db8::1",
	"ip[2": insteadOfLength, "ip6[4": insteadOfLength, "udp[4": insteadOfLength,
	"ether": "an address of IP, like host:10.0.0.1", "link": "an address of IP, like host:10.0.0.1",
}

// asksForBytes reports whether a word starts a tcpdump expression about packet
// bytes, such as tcp[13].
func asksForBytes(word string) bool {
	header, _, found := strings.Cut(word, "[")
	return found && header != "" && strings.Trim(strings.ToLower(header), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// noBytes returns the error for such an expression.
func (p *parser) noBytes(at int, expression string) error {
	place := strings.ToLower(expression)
	if end := strings.IndexAny(place, ":]"); end >= 0 {
		place = place[:end]
	}
	header, _, _ := strings.Cut(place, "[")
	for _, of := range [...]string{place, header} {
		if instead, ok := insteadOfBytes[of]; ok {
			return p.fail(at, "the bytes of packets are not kept: write %s", instead)
		}
	}
	return p.fail(at, "the bytes of packets are not kept: write %s", insteadOfAny)
}
