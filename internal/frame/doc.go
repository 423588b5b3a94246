// Package frame builds Ethernet frames for tests and benchmarks: IPv4 and IPv6 packets
// with VLAN tags, options, extension headers, fragments, and checksums that are right,
// unfinished or wrong.
//
// A [Frame] describes one; [Frame.Bytes] and [Frame.Packet] return it as it is on the
// wire. [Segment], [Datagram], [ICMP] and the like make what a frame carries.
package frame
