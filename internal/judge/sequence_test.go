package judge

// Flags of a TCP segment.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Kind says what sort of packet a step sends.
type Kind uint8

// The kinds of packet. A quote is an ICMP error about the last packet that came
// the other way.
const (
	TCP Kind = iota
	UDP
	Echo
	EchoReply
	Quote
	Other
)

// NoScale is the Scale of a segment without that option.
const NoScale = -1

// Step is one packet of a sequence.
type Step struct {
	// Reply says that it goes from the second end to the first.
	Reply bool
	// Crossed says that it belongs to the tuple with the ports exchanged.
	Crossed bool
	Kind    Kind

	Flags    uint8
	Seq, Ack uint32
	Window   uint16
	Scale    int8
	SackOK   bool
	// Sack is one block, empty where both ends are equal.
	Sack [2]uint32
	// Len is the payload's length in bytes.
	Len uint16
	// MTU, where not zero, is that of a router on the way, in bytes: a longer
	// packet comes in fragments.
	MTU uint16
	// Spoiled says that its checksum is wrong.
	Spoiled bool

	// Want is what ctop is to answer, Differs the deliberate difference that
	// is to show; empty for anything. Only scenarios have them.
	Want    *Answer
	Differs string
	// Line is where the step was written.
	Line int
}

// Sequence is a conversation, or two with crossed tuples, between two ends.
type Sequence struct {
	Name    string
	V6      bool
	Enforce bool
	Steps   []Step
}

// end returns the sequence number after the step's last one.
func (s *Step) end() uint32 {
	end := s.Seq + uint32(s.Len)
	if s.Flags&SYN != 0 {
		end++
	}
	if s.Flags&FIN != 0 {
		end++
	}
	return end
}

func (s *Step) has(flags uint8) bool { return s.Flags&flags == flags }

// dir is 0 for a step from the first end, 1 for one from the second.
func (s *Step) dir() int {
	if s.Reply {
		return 1
	}
	return 0
}

// Serial number arithmetic, RFC 1982.

func before(a, b uint32) bool { return int32(a-b) < 0 }

func after(a, b uint32) bool { return int32(a-b) > 0 }
