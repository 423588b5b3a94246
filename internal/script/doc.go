// Package script reads conversations between two ends, packet by packet, with what is to
// be made of each packet. The tests of bpf and the judge play them. A file reads like
// this:
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
// A packet has a direction: > from the first end, < from the second. It is followed by !
// where the packet comes in on the interface of the other end, and by x where it belongs
// to the tuple with the ports exchanged. Then comes what the packet is: TCP flags out of
// FSRPAUEC ("." for none), or udp, echo, echo-reply, timestamp, timestamp-reply, info,
// info-reply, mask, mask-reply, gre, esp, or quote for an ICMP error about the last packet
// that went the other way. These words follow in any order:
//
//	seq=5 ack=5       sequence number and acknowledgement; seq+5 and ack-3 are relative
//	                  to what an honest end would use, which is also what it has without
//	rawseq=0 rawack=0 the same, for players that move all numbers: these stay
//	len=100           bytes of payload
//	win=9 ws=7        window, and window scale, which comes with a maximum segment size
//	sackok sack=5-9   selective acknowledgements are permitted; one block of them
//	mtu=68            the packet comes in fragments of at most that size
//	badsum            its checksum is wrong
//
// After => stand the verdict, the state of the flow afterwards, and fields of the flow.
// The verdict has a reason where it is invalid, as invalid/window; established/old is a
// packet that the flow does not count. The state is - where there is no flow, -rst where
// it ended for that reason, and reused>SYN_SENT where it ended and another began. A
// difference from the kernel's conntrack that is to show stands after ~.
//
// At the start of a sequence "family ipv6" and "policy enforce" hold for all of it. Other
// lines are commands. Their words are the player's business; => and a state may follow.
package script
