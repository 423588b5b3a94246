package script

import "ctop/internal/frame"

// Sequence is a conversation between two ends, or two conversations with
// crossed tuples.
type Sequence struct {
	Name string
	// V6 and Enforce are set by the lines "family ipv6" and "policy enforce"
	// before the first step.
	V6, Enforce bool
	Steps       []Step
}

// Step is one line: a packet, or a command if Command is not empty.
type Step struct {
	// Where is the file and line.
	Where   string
	Command string
	Args    []string

	// Reply means that the packet goes from the second end to the first.
	Reply bool
	// Stray means that the packet arrives at the other end's interface. Crossed
	// means that it belongs to the tuple with the ports exchanged.
	Stray, Crossed bool
	Kind           Kind

	Flags    uint8
	Seq, Ack uint32
	// RawSeq and RawAck mean that players which shift all numbers must not
	// shift these.
	RawSeq, RawAck bool
	Window         uint16
	// Scale is the window scale, NoScale without that option.
	Scale  int16
	SackOK bool
	// Sack is one block. It is empty if both numbers are equal.
	Sack [2]uint32
	// Len is the payload length in bytes.
	Len uint16
	// MTU is the MTU of a router on the path, in bytes. A longer packet arrives
	// in fragments. 0 means no limit.
	MTU uint16
	// Spoiled means that the checksum is wrong.
	Spoiled bool

	// Want is the expected result, nil if any result is accepted.
	Want *Want
	// Differs is the name of an intended difference from the kernel's
	// conntrack.
	Differs string
}

// Want is the expected result of a step.
type Want struct {
	// Verdict and Reason are empty after commands. Reason is also empty if the
	// verdict has none.
	Verdict, Reason string
	// Ended is the reason why a flow ended.
	Ended string
	// State is the state's name, "-" if there is no flow.
	State string
	// Fields are the expected fields of the flow, by name.
	Fields map[string]string
}

// NoScale is the Scale of a segment without that option.
const NoScale = -1

// Kind is the kind of packet that a step sends.
type Kind uint8

// The kinds of packets. A quote is an ICMP error about the last packet in the
// other direction. Info, mask and timestamp are ICMP queries that only IPv4
// has.
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

// kinds are the word, protocol and type of each kind but TCP.
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

// OnlyIPv4 reports whether the sequence has packets that do not exist in IPv6.
func (s *Sequence) OnlyIPv4() bool {
	for i := range s.Steps {
		if kinds[s.Steps[i].Kind].onlyIPv4 {
			return true
		}
	}
	return false
}

// End returns the sequence number after the last one of the step.
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

// Has reports whether all given flags are set.
func (s *Step) Has(flags uint8) bool { return s.Flags&flags == flags }

// Dir returns 0 for a step from the first end, 1 for one from the second.
func (s *Step) Dir() int {
	if s.Reply {
		return 1
	}
	return 0
}
