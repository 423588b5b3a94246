package script

import "ctop/internal/frame"

// Sequence is a conversation, or two with crossed tuples, between two ends.
type Sequence struct {
	Name string
	// V6 and Enforce are set by the lines "family ipv6" and "policy enforce" before the
	// first step.
	V6, Enforce bool
	Steps       []Step
}

// Step is one line: a packet, or a command where Command is not empty.
type Step struct {
	// Where is the file and the line.
	Where   string
	Command string
	Args    []string

	// Reply means that the packet goes from the second end to the first.
	Reply bool
	// Stray means that it comes in on the interface of the other end, Crossed that it
	// belongs to the tuple with the ports exchanged.
	Stray, Crossed bool
	Kind           Kind

	Flags    uint8
	Seq, Ack uint32
	// RawSeq and RawAck tell players that move all numbers to leave these.
	RawSeq, RawAck bool
	Window         uint16
	// Scale is NoScale where the segment has no such option.
	Scale  int16
	SackOK bool
	// Sack is one block, empty where both ends are equal.
	Sack [2]uint32
	// Len is the length of the payload in bytes.
	Len uint16
	// MTU, where not zero, is that of a router on the way, in bytes: a longer packet
	// comes in fragments.
	MTU uint16
	// Spoiled means that the checksum is wrong.
	Spoiled bool

	// Want is nil where anything may happen.
	Want *Want
	// Differs is the deliberate difference from the kernel that is to show.
	Differs string
}

// Want is what is to be made of a step.
type Want struct {
	// Verdict and Reason are empty after commands, Reason also where the verdict has
	// none.
	Verdict, Reason string
	// Ended is the reason for which a flow ended.
	Ended string
	// State is "-" where there is no flow.
	State string
	// Fields of the flow, by name.
	Fields map[string]string
}

// NoScale is the Scale of a segment without that option.
const NoScale = -1

// Kind says what sort of packet a step sends.
type Kind uint8

// The kinds of packet. A quote is an ICMP error about the last packet that came the other
// way. Info, mask and timestamp are ICMP queries of IPv4 only.
const (
	TCP Kind = iota
	UDP
	Echo
	EchoReply
	Timestamp
	TimestampReply
	Info
	InfoReply
	Mask
	MaskReply
	Quote
	GRE
	ESP
)

// kinds has the word of each kind but TCP, and its protocol and type.
var kinds = [...]struct {
	word         string
	proto        uint8
	icmp4, icmp6 uint8
	onlyIPv4     bool
}{
	TCP:            {proto: frame.ProtoTCP},
	UDP:            {word: "udp", proto: frame.ProtoUDP},
	Echo:           {word: "echo", proto: frame.ProtoICMP, icmp4: 8, icmp6: 128},
	EchoReply:      {word: "echo-reply", proto: frame.ProtoICMP, icmp4: 0, icmp6: 129},
	Timestamp:      {word: "timestamp", proto: frame.ProtoICMP, icmp4: 13, onlyIPv4: true},
	TimestampReply: {word: "timestamp-reply", proto: frame.ProtoICMP, icmp4: 14, onlyIPv4: true},
	Info:           {word: "info", proto: frame.ProtoICMP, icmp4: 15, onlyIPv4: true},
	InfoReply:      {word: "info-reply", proto: frame.ProtoICMP, icmp4: 16, onlyIPv4: true},
	Mask:           {word: "mask", proto: frame.ProtoICMP, icmp4: 17, onlyIPv4: true},
	MaskReply:      {word: "mask-reply", proto: frame.ProtoICMP, icmp4: 18, onlyIPv4: true},
	Quote:          {word: "quote", proto: frame.ProtoICMP, icmp4: 3, icmp6: 1},
	GRE:            {word: "gre", proto: frame.ProtoGRE},
	ESP:            {word: "esp", proto: frame.ProtoESP},
}

// Proto returns the protocol number of the kind.
func (k Kind) Proto(v6 bool) uint8 {
	if v6 && kinds[k].proto == frame.ProtoICMP {
		return frame.ProtoICMPv6
	}
	return kinds[k].proto
}

// Type returns the type of an ICMP message.
func (k Kind) Type(v6 bool) uint8 {
	if v6 {
		return kinds[k].icmp6
	}
	return kinds[k].icmp4
}

// OnlyIPv4 reports whether the sequence has packets that IPv6 does not know.
func (s *Sequence) OnlyIPv4() bool {
	for i := range s.Steps {
		if kinds[s.Steps[i].Kind].onlyIPv4 {
			return true
		}
	}
	return false
}

// End returns the sequence number after the step's last one.
func (s *Step) End() uint32 {
	end := s.Seq + uint32(s.Len)
	if s.Has(frame.SYN) {
		end++
	}
	if s.Has(frame.FIN) {
		end++
	}
	return end
}

// Has reports whether all of the flags are set.
func (s *Step) Has(flags uint8) bool { return s.Flags&flags == flags }

// Dir is 0 for a step from the first end, 1 for one from the second.
func (s *Step) Dir() int {
	if s.Reply {
		return 1
	}
	return 0
}
