/* SPDX-License-Identifier: GPL-2.0 */
/* A parsed packet. Packets on the fast path (plain.h) do without. */
#pragma once

#include <linux/bpf.h>

#include "tuple.h"
#include "walk.h"

enum packet_kind {
	/* The packet belongs to a flow, or may begin one. */
	PACKET_FLOW,
	/* The packet is not tracked: no IP, neighbour discovery. */
	PACKET_UNTRACKED,
	/* A later fragment: only the first one has its ports. */
	PACKET_FRAGMENT,
	/* An ICMP error: its key is that of the quoted packet. */
	PACKET_ERROR,
	/* A header is truncated, or a length in it is wrong. */
	PACKET_MALFORMED,
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

/* The addresses of a frame, destination and source, as they lie there. */
struct ethernet {
	__be32 words[3];
};

/* Packets, and their bytes on the wire. */
struct volume {
	__u64 packets;
	__u64 bytes;
};

struct packet {
	struct flow_key key;
	/* Bytes on the wire, and packets: a segmentation-offload packet stands
	 * for several. */
	__u32 bytes;
	__u32 segments;
	/* Offsets of the transport header and its checksum field, and the
	 * length of header and payload. */
	__u32 l4_offset;
	__u32 l4_length;
	/* TCP, in host order. end is the sequence number after the segment, SYN
	 * and FIN included. */
	__u32 seq;
	__u32 end;
	__u32 ack;
	/* A fragment: its identification, and its byte range in the packet's
	 * payload, which includes extension headers. */
	__u32 fragment_id;
	__u32 fragment_start;
	__u32 fragment_end;
	/* The offset of the transport header from fragment_start. */
	__u32 fragment_shift;
	union {
		/* A first fragment: how far fragments that arrived before it
		 * reach beyond it. */
		__u32 fragment_ahead;
		/* A later fragment: the sequence number of the first. */
		__u32 first_seq;
	};
	__u16 window;
	__u8 tcp_flags;
	/* The window scale of a SYN, or NO_WSCALE. */
	__u8 wscale;
	__u8 kind;
	/* The packet goes from the key's end 1 to its end 0. */
	__u8 reversed;
	/* The packet came in by the second interface. */
	__u8 side;
	/* An ICMP answer, which cannot begin a flow. */
	__u8 icmp_answer;
	/* An ICMP message of unknown type, or an error whose destination did
	 * not send the quoted packet. */
	__u8 icmp_false;
	/* A fragment; the last one, or a first one that arrived after the
	 * last. */
	__u8 fragment;
	__u8 fragment_last;
	/* A routing header is in use, so the pseudo header has another
	 * address. */
	__u8 rerouted;
	/* The packet is complete and no fragment, so its checksum can be
	 * checked. */
	__u8 complete;
	/* The protocol of an IPv4 fragment, for its fragment_key. */
	__u8 fragment_proto;
	/* The reason of PACKET_UNTRACKED (enum untracked). */
	__u8 untracked;
	/* The frame is multicast or broadcast. */
	__u8 group;
	struct ethernet ethernet;
	/* The kinds of its VLAN tags, and whether it has labels (link.h). */
	__u16 link;
	/* Whether captures may want it (capture.h). */
	__u8 captured;
	/* The reason of VERDICT_INVALID (enum invalid). */
	__u8 invalid;
	/* Octets of its IP packets, from their headers on. */
	__u32 octets;
	__u32 pad;
};

_Static_assert(sizeof(struct packet) == 136, "packet has hidden padding");

/* Returns the payload of a segment. SYN and FIN have a sequence number, but no
 * byte. */
static __always_inline __u32 tcp_payload(const struct packet *pkt)
{
	return pkt->end - pkt->seq - !!(pkt->tcp_flags & TCP_SYN) -
	       !!(pkt->tcp_flags & TCP_FIN);
}
