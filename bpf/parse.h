/* SPDX-License-Identifier: GPL-2.0 */
/* Parses a frame into struct packet.
 *
 * Every length is checked before it is used: that of the IP header against the
 * frame, that of the next header against what the IP header leaves. Ethernet
 * padding is not payload. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "link.h"
#include "packet.h"
#include "stats.h"
#include "transport.h"
#include "tuple.h"
#include "walk.h"

/* At least as many bytes as IPv4 options can have, for the verifier. */
#define IPV4_OPTIONS_MASK 63

/* Returns the bytes of the frame from offset on. The length of a packet with
 * several buffers costs a call, so it is read only if the first buffer has less
 * than needed. */
static __always_inline __u32 available(const struct cursor *cursor,
				       struct packet *pkt, __u32 offset,
				       __u32 needed)
{
	if (multi_buffer && cursor->hook == HOOK_XDP &&
	    needed > pkt->bytes - offset)
		pkt->bytes = bpf_xdp_get_buff_len(cursor->ctx);
	return pkt->bytes - offset;
}

/* The longest packet. No fragment reaches beyond it. */
#define MAX_PACKET 0xffff

/* Notes the byte range of a fragment. Reports whether it is valid: not empty,
 * and not beyond the longest packet. header is the length of the headers that
 * every fragment repeats. */
static __always_inline bool note_fragment(struct packet *pkt, __u32 start,
					  __u32 length, __u32 header)
{
	pkt->fragment = true;
	pkt->fragment_start = start;
	pkt->fragment_end = start + length;
	return length && start + length + header <= MAX_PACKET;
}

/* RFC 791. A fragment that is not the last one is cut to a multiple of eight
 * bytes, as in Linux. */
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

/* RFC 8200 4.5. length counts from the end of the fragment header. */
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
	/* Zero means a segmentation-offload packet of more than 64 KB. */
	if (!total)
		total = pkt->bytes - offset;
	if (total < header || total > available(cursor, pkt, offset, total))
		return PACKET_MALFORMED;
	/* At most 40 bytes. The verifier of Linux 6.1 does not know that. */
	options = header - sizeof(*ip);
	asm volatile("" : "+r"(options));
	if (!cursor_take(cursor, options & IPV4_OPTIONS_MASK))
		return PACKET_MALFORMED;
	pkt->key.family = 4;
	pkt->key.proto = ip->protocol;
	key_set_ipv4(&pkt->key, ip->saddr, ip->daddr);
	pkt->octets = total;
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

/* Skips extension headers up to the transport header. */
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
	/* An atomic fragment is treated as a whole packet (RFC 6946). */
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
	/* Zero means a jumbogram (RFC 2675) or a segmentation-offload
	 * packet. */
	if (!pkt->l4_length)
		pkt->l4_length = pkt->bytes - offset;
	if (pkt->l4_length > available(cursor, pkt, offset, pkt->l4_length))
		return PACKET_MALFORMED;
	pkt->octets = sizeof(*ip) + pkt->l4_length;
	pkt->key.family = 6;
	pkt->key.proto = ip->nexthdr;
	key_set_ipv6(&pkt->key, &ip->saddr);
	kind = parse_ipv6_extensions(cursor, pkt);
	if (kind != PACKET_FLOW)
		return kind;
	return parse_transport(cursor, pkt);
}

/* Skips VLAN tags, PPPoE and MPLS labels. Returns the ethertype after them, or
 * zero if it is unknown. */
static __always_inline __be16 parse_link(struct cursor *cursor,
					 struct packet *pkt,
					 struct link_walk *walk)
{
	int end;

	walk->vlan[0] = pkt->key.vlan[0];
	walk->kinds = pkt->link;
	if (cursor->hook == HOOK_TC)
		end = tc_link_walk(cursor->ctx, walk);
	else
		end = xdp_link_walk(cursor->ctx, walk);
	pkt->key.vlan[0] = walk->vlan[0];
	pkt->key.vlan[1] = walk->vlan[1];
	pkt->key.vlan_third = walk->vlan[2];
	pkt->key.session = walk->session;
	pkt->link = walk->kinds | (walk->labels ? LINK_LABELS : 0);
	if (end == LINK_STOPPED)
		pkt->untracked = UNTRACKED_ENCAPSULATION;
	if (end != LINK_DONE || !cursor_take(cursor, walk->length & MAX_OFFSET))
		return 0;
	return walk->ethertype;
}

/* Reports whether IP after MPLS labels is plausible, since no label names the
 * protocol. IPv6 must end with the frame, unless the frame is padded. */
static __always_inline bool fits_labels(const struct packet *pkt, int kind)
{
	if (kind == PACKET_MALFORMED)
		return false;
	return pkt->key.family != 6 || !pkt->l4_offset ||
	       pkt->bytes <= ETH_ZLEN + 4 ||
	       pkt->l4_offset + pkt->l4_length == pkt->bytes;
}

/* Notes the addresses, word by word: the program may read a word anywhere. */
static __always_inline void note_ethernet(struct packet *pkt, const void *eth)
{
	const __be32 *words = eth;

	pkt->ethernet.words[0] = words[0];
	pkt->ethernet.words[1] = words[1];
	pkt->ethernet.words[2] = words[2];
}

/* Reads the Ethernet header and the link headers after it. Returns the ethertype, zero
 * if it is unknown. */
static __always_inline __be16 parse_ethernet(struct cursor *cursor,
					     struct packet *pkt,
					     const struct ethhdr *eth,
					     struct link_walk *walk)
{
	pkt->group = eth->h_dest[0] & 1;
	note_ethernet(pkt, eth);
	if (!link_is_header(eth->h_proto))
		return eth->h_proto;
	walk->ethertype = eth->h_proto;
	return parse_link(cursor, pkt, walk);
}

static __always_inline int parse_frame(struct cursor *cursor,
				       struct packet *pkt)
{
	__be16 ethertype = (__be16)cursor->protocol;
	struct link_walk walk = {};
	int kind = PACKET_UNTRACKED;

	pkt->untracked = UNTRACKED_NOT_IP;
	if (!ethertype) {
		struct ethhdr *eth = cursor_take(cursor, sizeof(*eth));

		if (!eth)
			return PACKET_MALFORMED;
		ethertype = parse_ethernet(cursor, pkt, eth, &walk);
	}
	if (ethertype == bpf_htons(ETH_P_IP))
		kind = parse_ipv4(cursor, pkt);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		kind = parse_ipv6(cursor, pkt);
	if (walk.labels && !fits_labels(pkt, kind))
		return packet_untracked(pkt, UNTRACKED_ENCAPSULATION);
	return kind;
}

/* Fills pkt. The caller has set bytes, segments and side, and zeroed the rest.
 * The ends in the key of a later fragment stay source and destination, to find
 * the first fragment. */
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
