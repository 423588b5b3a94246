package frame

// Protocol numbers.
const (
	ProtoHopByHop    = 0
	ProtoICMP        = 1
	ProtoTCP         = 6
	ProtoUDP         = 17
	ProtoDCCP        = 33
	ProtoRouting     = 43
	ProtoFragment    = 44
	ProtoGRE         = 47
	ProtoESP         = 50
	ProtoICMPv6      = 58
	ProtoNoNext      = 59
	ProtoDestination = 60
	ProtoSCTP        = 132
	ProtoUDPLite     = 136
)

// Ethertypes.
const (
	EtherIPv4  = 0x0800
	EtherARP   = 0x0806
	EtherVLAN  = 0x8100
	EtherIPv6  = 0x86dd
	EtherMPLS  = 0x8847
	EtherPPPoE = 0x8864
	EtherQinQ  = 0x88a8
	EtherLLDP  = 0x88cc
	EtherQinQ1 = 0x9100
)

// HeaderSize is the length of an Ethernet header without tags.
const HeaderSize = 14

// MoreFragments is that flag in the IPv4 field with flags and fragment offset.
const MoreFragments = 0x2000

// TCP flags.
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
