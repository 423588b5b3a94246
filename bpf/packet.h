/* SPDX-License-Identifier: GPL-2.0 */
/* From the bytes of a frame to struct packet, once per packet.
 *
 * Every length is checked against the packet before it is believed: what the
 * IP header says against what arrived, what the next header says against what
 * the IP header leaves. Ethernet padding is no payload. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "icmp.h"
#include "link.h"
#include "quoted.h"
#include "stats.h"
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

/* More bytes of IPv4 options than there can be. */
#define IPV4_OPTIONS_MASK 63

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

static __always_inline int packet_untracked(struct packet *pkt,
					    enum untracked reason)
{
	pkt->untracked = reason;
	return PACKET_UNTRACKED;
}

/* Where parsing stands. end is the end of the bytes that can be read, which for
 * packets of several buffers is the end of the first. */
struct cursor {
	void *ctx;
	enum hook hook;
	void *start;
	void *pos;
	void *end;
};

/* Takes size bytes and returns where they begin, or NULL if they are not there. */
static __always_inline void *cursor_take(struct cursor *cursor, __u32 size)
{
	void *taken = cursor->pos;

	if (taken + size > cursor->end)
		return NULL;
	cursor->pos = taken + size;
	return taken;
}

static __always_inline __u32 cursor_offset(const struct cursor *cursor)
{
	return cursor->pos - cursor->start;
}

static __always_inline __u32 parse_tcp_options(struct cursor *cursor,
					       __u32 length)
{
	__u32 offset = cursor_offset(cursor);

	if (cursor->hook == HOOK_TC)
		return tc_tcp_wscale(cursor->ctx, offset, length);
	return xdp_tcp_wscale(cursor->ctx, offset, length);
}

static __always_inline int parse_tcp(struct cursor *cursor, struct packet *pkt)
{
	struct tcphdr *tcp = cursor_take(cursor, sizeof(*tcp));
	__u32 header;

	if (!tcp)
		return PACKET_MALFORMED;
	header = tcp->doff * 4;
	if (header < sizeof(*tcp) || header > pkt->l4_length)
		return PACKET_MALFORMED;
	pkt->key.port[0] = tcp->source;
	pkt->key.port[1] = tcp->dest;
	pkt->tcp_flags = ((__u8 *)tcp)[13];
	pkt->seq = bpf_ntohl(tcp->seq);
	pkt->ack = bpf_ntohl(tcp->ack_seq);
	pkt->window = bpf_ntohs(tcp->window);
	pkt->end = pkt->seq + pkt->l4_length - header +
		   !!(pkt->tcp_flags & TCP_SYN) + !!(pkt->tcp_flags & TCP_FIN);
	if (pkt->tcp_flags & TCP_SYN)
		pkt->wscale = parse_tcp_options(cursor, header - sizeof(*tcp));
	return PACKET_FLOW;
}

/* The bytes that a segment carries: SYN and FIN have a number, but no byte. */
static __always_inline __u32 tcp_payload(const struct packet *pkt)
{
	return pkt->end - pkt->seq - !!(pkt->tcp_flags & TCP_SYN) -
	       !!(pkt->tcp_flags & TCP_FIN);
}

static __always_inline int parse_udp(struct cursor *cursor, struct packet *pkt)
{
	struct udphdr *udp = cursor_take(cursor, sizeof(*udp));
	__u32 length;

	if (!udp || pkt->l4_length < sizeof(*udp))
		return PACKET_MALFORMED;
	/* Zero is a jumbogram (RFC 2675) or a segmentation-offload packet, both
	 * of which are longer than the field can say. */
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) && (length || pkt->l4_length <= 0xffff))
		return PACKET_MALFORMED;
	if (!pkt->fragment && length > pkt->l4_length)
		return PACKET_MALFORMED;
	pkt->key.port[0] = udp->source;
	pkt->key.port[1] = udp->dest;
	return PACKET_FLOW;
}

/* SCTP and DCCP begin with two ports, as do TCP and UDP. header is the shortest
 * header that there is. */
static __always_inline int parse_ports(struct cursor *cursor,
				       struct packet *pkt, __u32 header)
{
	__be16 *ports = cursor_take(cursor, 2 * sizeof(*ports));

	if (!ports || pkt->l4_length < header)
		return PACKET_MALFORMED;
	pkt->key.port[0] = ports[0];
	pkt->key.port[1] = ports[1];
	return PACKET_FLOW;
}

/* RFC 3828 3.1: UDP-Lite has the checksum's coverage where UDP has its length;
 * zero is all. */
static __always_inline int parse_udplite(struct cursor *cursor,
					 struct packet *pkt)
{
	struct udphdr *udp = cursor_take(cursor, sizeof(*udp));
	__u32 covered;

	if (!udp || pkt->l4_length < sizeof(*udp))
		return PACKET_MALFORMED;
	covered = bpf_ntohs(udp->len);
	if (covered && covered < sizeof(*udp))
		return PACKET_MALFORMED;
	if (!pkt->fragment && covered > pkt->l4_length)
		return PACKET_MALFORMED;
	pkt->key.port[0] = udp->source;
	pkt->key.port[1] = udp->dest;
	return PACKET_FLOW;
}

/* An error: the packet stands for the one that it quotes. */
static __always_inline int parse_icmp_error(struct cursor *cursor,
					    struct packet *pkt)
{
	__u32 offset = cursor_offset(cursor);
	__u32 end = pkt->l4_offset + pkt->l4_length;
	struct flow_key key = pkt->key;
	int quoted;

	if (cursor->hook == HOOK_TC)
		quoted = tc_quoted_key(cursor->ctx, offset, end, &key);
	else
		quoted = xdp_quoted_key(cursor->ctx, offset, end, &key);
	pkt->key = key;
	if (quoted == QUOTED_SHORT)
		return PACKET_MALFORMED;
	if (quoted == QUOTED_FRAGMENT)
		return packet_untracked(pkt, UNTRACKED_QUOTED_FRAGMENT);
	pkt->icmp_false = quoted == QUOTED_STRANGER;
	return PACKET_ERROR;
}

static __always_inline int parse_icmp(struct cursor *cursor, struct packet *pkt)
{
	struct icmp_header *icmp = cursor_take(cursor, sizeof(*icmp));
	bool answer;

	if (!icmp || pkt->l4_length < sizeof(*icmp))
		return PACKET_MALFORMED;
	if (icmp_is_error(pkt->key.family, icmp->type))
		return parse_icmp_error(cursor, pkt);
	pkt->key.icmp_type = icmp_request_of(pkt->key.family, icmp->type,
					     &answer);
	if (icmp_is_local(pkt->key.family, icmp->type))
		return packet_untracked(pkt, UNTRACKED_DISCOVERY);
	pkt->icmp_false = pkt->key.icmp_type == ICMP_NO_REQUEST;
	pkt->icmp_answer = answer;
	pkt->key.icmp_code = icmp->code;
	pkt->key.port[0] = icmp->id;
	pkt->key.port[1] = icmp->id;
	return PACKET_FLOW;
}

static __always_inline int parse_transport(struct cursor *cursor,
					   struct packet *pkt)
{
	pkt->l4_offset = cursor_offset(cursor);
	switch (pkt->key.proto) {
	case IPPROTO_TCP:
		return parse_tcp(cursor, pkt);
	case IPPROTO_UDP:
		return parse_udp(cursor, pkt);
	case IPPROTO_UDPLITE:
		return parse_udplite(cursor, pkt);
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return parse_ports(cursor, pkt, 12);
	case IPPROTO_ICMP:
		return pkt->key.family == 4 ? parse_icmp(cursor, pkt) :
					      PACKET_FLOW;
	case IPPROTO_ICMPV6:
		return pkt->key.family == 6 ? parse_icmp(cursor, pkt) :
					      PACKET_FLOW;
	}
	return PACKET_FLOW;
}

/* Bytes of the frame from where parsing stands. The length of a packet of
 * several buffers costs a call, so it is asked only if what lies in the first is
 * less than is needed. */
static __always_inline __u32 available(const struct cursor *cursor,
				       struct packet *pkt, __u32 offset,
				       __u32 needed)
{
	if (multi_buffer && cursor->hook == HOOK_XDP &&
	    needed > pkt->bytes - offset)
		pkt->bytes = bpf_xdp_get_buff_len(cursor->ctx);
	return pkt->bytes - offset;
}

/* The longest packet, which no fragment reaches beyond. */
#define MAX_PACKET 0xffff

/* Notes which bytes a fragment has, and reports whether there are fragments like
 * it: with bytes, no further than a packet reaches. header is what of the packet
 * is in every fragment. */
static __always_inline bool note_fragment(struct packet *pkt, __u32 start,
					  __u32 length, __u32 header)
{
	pkt->fragment = true;
	pkt->fragment_start = start;
	pkt->fragment_end = start + length;
	return length && start + length + header <= MAX_PACKET;
}

/* RFC 791. What is not a multiple of eight bytes and not the last goes up to the
 * last one that is, as in Linux. */
static __always_inline bool note_ipv4_fragment(struct packet *pkt,
					       __u16 fragment, __u32 header)
{
	__u32 length = pkt->l4_length;

	pkt->fragment_last = !(fragment & IPV4_MORE_FRAGMENTS);
	if (!pkt->fragment_last)
		length &= ~7U;
	return note_fragment(pkt, (fragment & IPV4_OFFSET_MASK) * 8, length,
			     header);
}

/* RFC 8200 4.5. length is that of what follows the fragment header. */
static __always_inline bool note_ipv6_fragment(struct packet *pkt,
					       const struct ipv6_walk *walk,
					       __u32 length)
{
	pkt->fragment_id = walk->id;
	pkt->fragment_last = !(walk->fragment & IPV6_MORE_FRAGMENTS);
	if (!pkt->fragment_last && length % 8)
		return false;
	return note_fragment(pkt, walk->fragment & IPV6_OFFSET_MASK, length, 0);
}

static __always_inline int parse_ipv4(struct cursor *cursor, struct packet *pkt)
{
	__u32 offset = cursor_offset(cursor);
	struct iphdr *ip = cursor_take(cursor, sizeof(*ip));
	__u32 header, total, options;
	__u16 fragment;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return PACKET_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	/* Zero is a segmentation-offload packet of more than 64 KB. */
	if (!total)
		total = pkt->bytes - offset;
	if (total < header || total > available(cursor, pkt, offset, total))
		return PACKET_MALFORMED;
	/* At most 40 bytes, which the verifier of Linux 6.1 does not see. */
	options = header - sizeof(*ip);
	asm volatile("" : "+r"(options));
	if (!cursor_take(cursor, options & IPV4_OPTIONS_MASK))
		return PACKET_MALFORMED;
	pkt->key.family = 4;
	pkt->key.proto = ip->protocol;
	key_set_ipv4(&pkt->key, ip->saddr, ip->daddr);
	pkt->l4_length = total - header;
	fragment = bpf_ntohs(ip->frag_off);
	pkt->fragment_id = ip->id;
	pkt->fragment_proto = ip->protocol;
	if (fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK) &&
	    !note_ipv4_fragment(pkt, fragment, header))
		return PACKET_MALFORMED;
	if (fragment & IPV4_OFFSET_MASK)
		return PACKET_FRAGMENT;
	return parse_transport(cursor, pkt);
}

/* Steps over extension headers to the transport header. */
static __always_inline int parse_ipv6_extensions(struct cursor *cursor,
						 struct packet *pkt)
{
	__u32 offset = cursor_offset(cursor), skipped;
	struct ipv6_walk walk = {};
	int end;

	if (!ipv6_is_extension(pkt->key.proto))
		return PACKET_FLOW;
	if (cursor->hook == HOOK_TC)
		end = tc_ipv6_walk(cursor->ctx, offset, pkt->key.proto, &walk);
	else
		end = xdp_ipv6_walk(cursor->ctx, offset, pkt->key.proto, &walk);
	skipped = walk.length & MAX_OFFSET;
	if (end == WALK_MALFORMED || skipped > pkt->l4_length)
		return PACKET_MALFORMED;
	if (end == WALK_STOPPED)
		return packet_untracked(pkt, UNTRACKED_EXTENSIONS);
	pkt->key.proto = walk.proto;
	pkt->rerouted = walk.rerouted;
	/* One that is all of its packet is none (RFC 6946). */
	if (walk.fragment & (IPV6_OFFSET_MASK | IPV6_MORE_FRAGMENTS) &&
	    !note_ipv6_fragment(pkt, &walk, pkt->l4_length - walk.fragment_end))
		return PACKET_MALFORMED;
	if (walk.fragment & IPV6_OFFSET_MASK)
		return PACKET_FRAGMENT;
	pkt->fragment_shift = walk.length - walk.fragment_end;
	pkt->l4_length -= skipped;
	if (!cursor_take(cursor, skipped))
		return PACKET_MALFORMED;
	return PACKET_FLOW;
}

static __always_inline int parse_ipv6(struct cursor *cursor, struct packet *pkt)
{
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));
	__u32 offset = cursor_offset(cursor);
	int kind;

	if (!ip || ip->version != 6)
		return PACKET_MALFORMED;
	pkt->l4_length = bpf_ntohs(ip->payload_len);
	/* Zero is a jumbogram (RFC 2675) or a segmentation-offload packet. */
	if (!pkt->l4_length)
		pkt->l4_length = pkt->bytes - offset;
	if (pkt->l4_length > available(cursor, pkt, offset, pkt->l4_length))
		return PACKET_MALFORMED;
	pkt->key.family = 6;
	pkt->key.proto = ip->nexthdr;
	key_set_ipv6(&pkt->key, &ip->saddr);
	kind = parse_ipv6_extensions(cursor, pkt);
	if (kind != PACKET_FLOW)
		return kind;
	return parse_transport(cursor, pkt);
}

/* Steps over tags, labels and what else there is before IP, and returns the
 * ethertype behind them, zero where that is not known. */
static __always_inline __be16 parse_link(struct cursor *cursor,
					 struct packet *pkt,
					 struct link_walk *walk)
{
	int end;

	walk->vlan[0] = pkt->key.vlan[0];
	if (cursor->hook == HOOK_TC)
		end = tc_link_walk(cursor->ctx, walk);
	else
		end = xdp_link_walk(cursor->ctx, walk);
	pkt->key.vlan[0] = walk->vlan[0];
	pkt->key.vlan[1] = walk->vlan[1];
	pkt->key.vlan_third = walk->vlan[2];
	pkt->key.session = walk->session;
	if (end == LINK_STOPPED)
		pkt->untracked = UNTRACKED_ENCAPSULATION;
	if (end != LINK_DONE ||
	    !cursor_take(cursor, walk->length & MAX_OFFSET))
		return 0;
	return walk->ethertype;
}

/* Whether what follows labels is IP, as it seemed to be: no label says so. IPv6
 * has to end where the frame does, if that is no short one. */
static __always_inline bool fits_labels(const struct packet *pkt, int kind)
{
	if (kind == PACKET_MALFORMED)
		return false;
	return pkt->key.family != 6 || !pkt->l4_offset ||
	       pkt->bytes <= ETH_ZLEN + 4 ||
	       pkt->l4_offset + pkt->l4_length == pkt->bytes;
}

static __always_inline int parse_frame(struct cursor *cursor, struct packet *pkt)
{
	struct ethhdr *eth = cursor_take(cursor, sizeof(*eth));
	struct link_walk walk = {};
	int kind = PACKET_UNTRACKED;
	__be16 ethertype;

	if (!eth)
		return PACKET_MALFORMED;
	pkt->untracked = UNTRACKED_NOT_IP;
	pkt->group = eth->h_dest[0] & 1;
	ethertype = eth->h_proto;
	if (link_is_header(ethertype)) {
		walk.ethertype = ethertype;
		ethertype = parse_link(cursor, pkt, &walk);
	}
	if (ethertype == bpf_htons(ETH_P_IP))
		kind = parse_ipv4(cursor, pkt);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		kind = parse_ipv6(cursor, pkt);
	if (walk.labels && !fits_labels(pkt, kind))
		return packet_untracked(pkt, UNTRACKED_ENCAPSULATION);
	return kind;
}

/* Fills pkt, whose bytes and segments are set and whose rest is zero. The key of
 * a later fragment is left as the packet shows it, to find the first one by. */
static __always_inline void parse_packet(struct packet *pkt,
					 struct cursor cursor)
{
	cursor.pos = cursor.start;
	pkt->kind = parse_frame(&cursor, pkt);
	if (pkt->kind != PACKET_FLOW)
		return;
	pkt->complete = !pkt->fragment && !pkt->rerouted;
	pkt->reversed = key_normalise(&pkt->key, pkt->icmp_answer);
}
