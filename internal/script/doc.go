// Package script reads conversations between two ends, packet by packet, with the
// expected result for each packet. The tests of bpf and the judge play them. An
// example:
//
//	# a comment
//	defaults isn=1000,5000 win=10000     for all sequences of the file
//
//	= three-way handshake                starts a sequence; its name is the rule it shows
//	> S ws=7 sackok  => new SYN_SENT     from the first end to the second
//	< SA             => established SYN_RECV
//	> A              => established ESTABLISHED
//
//	= close after a second
//	@ three-way handshake                plays another sequence of the file first
//	wait 1
//	> FA len=5       => established FIN_WAIT_1 o.retransmits=0
//	< R ack-50       => established -rst ~ old-ack
//
// A packet line starts with a direction: > from the first end, < from the second. A !
// after it means that the packet arrives at the other end's interface. An x means that
// it belongs to the tuple with the ports exchanged. Then comes the kind of packet: TCP
// flags from FSRPAUEC ("." for none), or udp, echo, echo-reply, timestamp,
// timestamp-reply, info, info-reply, mask, mask-reply, gre, esp, or quote for an ICMP
// error about the last packet in the other direction. These words follow in any order:
//
//	seq=5 ack=5       sequence and acknowledgement number; seq+5 and ack-3 are relative
//	                  to those of a correct end, which are the defaults
//	rawseq=0 rawack=0 the same, but unchanged by players that shift all numbers
//	len=100           bytes of payload
//	win=9 ws=7        window, and window scale, which adds a maximum segment size
//	sackok sack=5-9   selective acknowledgements are permitted; one block of them
//	mtu=68            the packet arrives in fragments of at most that size
//	badsum            the checksum is wrong
//
// After => follow the verdict, the new state of the flow, and fields of the flow. An
// invalid verdict has a reason, as in invalid/window. established/old is a packet that
// the flow does not count. The state is - if there is no flow, -rst if the flow ended
// with that reason, and reused>SYN_SENT if it ended and a new one began. After ~
// follows the name of an intended difference from the kernel's conntrack.
//
// At the start of a sequence, "family ipv6" and "policy enforce" apply to all of it.
// Other lines are commands for the player. They may have => and a state, too.
package script
