/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of a packet that does not go the short way. */
#pragma once

#include <linux/bpf.h>

#include "tuple.h"
#include "walk.h"

enum packet_kind {
	/* Belongs to a flow, or may begin one. */
	PACKET_FLOW,
	/* Not for us to judge: no IP, neighbour discovery. */
	PACKET_UNTRACKED,
	/* A later fragment: its ports are those of the first. */
	PACKET_FRAGMENT,
	/* An ICMP error: its key is that of the packet that it quotes. */
	PACKET_ERROR,
	/* A header is cut short or lies about a length. */
	PACKET_MALFORMED,
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

struct packet {
	struct flow_key key;
	/* Bytes on the wire and packets: a segmentation-offload packet stands
	 * for many. */
	__u32 bytes;
	__u32 segments;
	/* Offsets of the transport header and its checksum field, and the
	 * length of header and payload. */
	__u32 l4_offset;
	__u32 l4_length;
	/* TCP, in host order. end is the sequence number after the last one
	 * that the segment occupies, SYN and FIN included. */
	__u32 seq;
	__u32 end;
	__u32 ack;
	/* A fragment: its identification, and the bytes that it has of what was
	 * fragmented, those of extension headers included. */
	__u32 fragment_id;
	__u32 fragment_start;
	__u32 fragment_end;
	/* How far the transport header is from fragment_start. */
	__u32 fragment_shift;
	union {
		/* Of a first fragment: how far those reach beyond it that
		 * overtook it. */
		__u32 fragment_ahead;
		/* Of a later one: the number of the first. */
		__u32 first_seq;
	};
	__u16 window;
	__u8 tcp_flags;
	/* Window scale offered, NO_WSCALE where none (SYN only). */
	__u8 wscale;
	__u8 kind;
	/* Goes from the key's end 1 to its end 0. */
	__u8 reversed;
	/* Came in by the second interface. */
	__u8 side;
	/* An ICMP answer: it cannot begin a flow. */
	__u8 icmp_answer;
	/* An ICMP message that is of no known type, or an error that goes to
	 * another host than the one that sent what it quotes. */
	__u8 icmp_false;
	/* A fragment, and the last one of its packet, or a first one that the last
	 * one overtook. */
	__u8 fragment;
	__u8 fragment_last;
	/* Routed by a header: the pseudo header has another address. */
	__u8 rerouted;
	/* Whole and unfragmented: its checksum may be looked at. */
	__u8 complete;
	/* What IPv4 fragments share beside addresses and identification. */
	__u8 fragment_proto;
	/* Why it is untracked. */
	__u8 untracked;
	/* Its frame goes to a group, or to all. */
	__u8 group;
};

_Static_assert(sizeof(struct packet) == 112, "packet has hidden padding");

/* The bytes that a segment carries: SYN and FIN have a number, but no byte. */
static __always_inline __u32 tcp_payload(const struct packet *pkt)
{
	return pkt->end - pkt->seq - !!(pkt->tcp_flags & TCP_SYN) -
	       !!(pkt->tcp_flags & TCP_FIN);
}
