/* SPDX-License-Identifier: GPL-2.0 */
/* Parses transport headers into struct packet. Their lengths are checked
 * against what the IP header leaves. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "icmp.h"
#include "packet.h"
#include "quoted.h"
#include "stats.h"
#include "tuple.h"
#include "walk.h"

static __always_inline int packet_untracked(struct packet *pkt,
					    enum untracked reason)
{
	pkt->untracked = reason;
	return PACKET_UNTRACKED;
}

/* The position of the parser. end is the end of the readable bytes: the end of
 * the first buffer, if the packet has several. */
struct cursor {
	void *ctx;
	enum hook hook;
	/* The ethertype of a packet without a link header, or zero. */
	__u32 protocol;
	void *start;
	void *pos;
	void *end;
};

/* Skips size bytes and returns their start, or NULL if there are not enough. */
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

	if (!length)
		return NO_WSCALE;
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

static __always_inline int parse_udp(struct cursor *cursor, struct packet *pkt)
{
	struct udphdr *udp = cursor_take(cursor, sizeof(*udp));
	__u32 length;

	if (!udp || pkt->l4_length < sizeof(*udp))
		return PACKET_MALFORMED;
	/* Zero means a jumbogram (RFC 2675) or a segmentation-offload packet:
	 * the field is too small for their length. */
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) && (length || pkt->l4_length <= 0xffff))
		return PACKET_MALFORMED;
	if (!pkt->fragment && length > pkt->l4_length)
		return PACKET_MALFORMED;
	pkt->key.port[0] = udp->source;
	pkt->key.port[1] = udp->dest;
	return PACKET_FLOW;
}

/* SCTP and DCCP begin with two ports, like TCP and UDP. header is the length of
 * the shortest header. */
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

/* RFC 3828 3.1: UDP-Lite has the checksum's coverage in place of UDP's length.
 * Zero means the whole packet. */
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

/* An ICMP error gets the key of the packet that it quotes. */
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
	pkt->icmp_false = quoted == QUOTED_OTHER_SENDER;
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
