// Package frame builds Ethernet frames for tests and benchmarks: IPv4 and IPv6 packets
// with VLAN tags, options, extension headers, fragments, and correct, incomplete or
// wrong checksums.
//
// A [Frame] describes a frame. [Frame.Bytes] returns it as on the wire, [Frame.Packet]
// only its IP packet. [Segment], [Datagram], [ICMP] and others build the content.
package frame
