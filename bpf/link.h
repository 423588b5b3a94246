/* SPDX-License-Identifier: GPL-2.0 */
/* Headers between Ethernet and IP: VLAN tags, a PPPoE session, MPLS labels. The
 * walk over them is a global function, for the reason in walk.h. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "walk.h"

/* The most tags, sessions and labels together. */
#define MAX_LINK_HEADERS 8
/* The most VLAN tags. Priority tags do not count. */
#define MAX_VLANS 3
#define VLAN_ID_MASK 0x0fff

/* What is noted of a frame's link headers: for each VLAN tag two bits that say of
 * which kind it is, and whether there are MPLS labels. */
#define LINK_KIND_8021Q 0
#define LINK_KIND_8021AD 1
#define LINK_KIND_QINQ1 2
#define LINK_KIND_BITS 2
#define LINK_KIND_MASK 3
#define LINK_LABELS (1 << (LINK_KIND_BITS * MAX_VLANS))

/* RFC 3032 2.1 */
#define MPLS_BOTTOM 0x00000100

/* RFC 2516: the only version and type, and the code of session data. RFC 1332
 * and 5072: the PPP protocol numbers of IPv4 and IPv6. */
#define PPPOE_VERSION_TYPE 0x11
#define PPPOE_SESSION_DATA 0
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct pppoe_header {
	__u8 version_type;
	__u8 code;
	__be16 session;
	__be16 length;
	__be16 protocol;
};

enum link_end {
	/* All link headers are skipped. */
	LINK_DONE,
	/* A header is truncated. */
	LINK_SHORT,
	/* There are too many headers, or one that does not contain IP. */
	LINK_STOPPED,
};

struct link_walk {
	/* The length of the headers, without Ethernet's. */
	__u32 length;
	/* Before the walk that of the Ethernet header, after it that of the
	 * last header. */
	__be16 ethertype;
	/* VLAN ids, the outer one first. Zero is none. */
	__u16 vlan[MAX_VLANS];
	__u16 session;
	__u8 labels;
	/* The kinds of the VLAN tags. */
	__u8 kinds;
};

_Static_assert(sizeof(struct link_walk) == 16, "link_walk has hidden padding");

/* 0x9100 is QinQ before IEEE 802.1ad. */
static __always_inline bool link_is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) ||
	       ethertype == bpf_htons(ETH_P_8021AD) ||
	       ethertype == bpf_htons(ETH_P_QINQ1);
}

static __always_inline bool link_is_mpls(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_MPLS_UC) ||
	       ethertype == bpf_htons(ETH_P_MPLS_MC);
}

/* Reports whether an ethertype is that of a link header. */
static __always_inline bool link_is_header(__be16 ethertype)
{
	return link_is_vlan(ethertype) || link_is_mpls(ethertype) ||
	       ethertype == bpf_htons(ETH_P_PPP_SES);
}

/* Returns the kind of a VLAN tag in the bits of the tag of that index. */
static __always_inline __u8 link_kind(__be16 ethertype, __u32 index)
{
	__u8 kind = ethertype == bpf_htons(ETH_P_8021AD) ? LINK_KIND_8021AD :
		    ethertype == bpf_htons(ETH_P_QINQ1)	 ? LINK_KIND_QINQ1 :
							   LINK_KIND_8021Q;

	return kind << LINK_KIND_BITS * index;
}

static __always_inline int link_step_vlan(struct link_walk *walk, void *data,
					  void *data_end)
{
	struct vlan_tag *tag = data;
	__u32 index;
	__u16 id;

	if ((void *)(tag + 1) > data_end)
		return LINK_SHORT;
	id = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
	if (!walk->vlan[0])
		walk->vlan[index = 0] = id;
	else if (!walk->vlan[1])
		walk->vlan[index = 1] = id;
	else if (!walk->vlan[2])
		walk->vlan[index = 2] = id;
	else if (id)
		return LINK_STOPPED;
	else
		index = 0;
	if (id)
		walk->kinds |= link_kind(walk->ethertype, index);
	walk->ethertype = tag->ethertype;
	walk->length += sizeof(*tag);
	return LINK_DONE;
}

static __always_inline int link_step_pppoe(struct link_walk *walk, void *data,
					   void *data_end)
{
	struct pppoe_header *pppoe = data;

	if ((void *)(pppoe + 1) > data_end)
		return LINK_SHORT;
	if (pppoe->version_type != PPPOE_VERSION_TYPE ||
	    pppoe->code != PPPOE_SESSION_DATA)
		return LINK_STOPPED;
	walk->session = bpf_ntohs(pppoe->session);
	walk->length += sizeof(*pppoe);
	if (pppoe->protocol == bpf_htons(PPP_IPV4))
		walk->ethertype = bpf_htons(ETH_P_IP);
	else if (pppoe->protocol == bpf_htons(PPP_IPV6))
		walk->ethertype = bpf_htons(ETH_P_IPV6);
	else
		return LINK_STOPPED;
	return LINK_DONE;
}

/* Only the two ends of a path know the protocol after the last label. IP is
 * recognised by its first byte, as routers do to balance load (RFC 4928). IPv4
 * with options is not recognised, since the destination address of an Ethernet
 * frame may begin with that byte. 0x45 is safe: it would be a multicast
 * address. */
static __always_inline int link_step_mpls(struct link_walk *walk, void *data,
					  void *data_end)
{
	__be32 *label = data;
	__u8 *next = data + sizeof(*label);

	if ((void *)(label + 1) > data_end)
		return LINK_SHORT;
	walk->labels++;
	walk->length += sizeof(*label);
	if (!(bpf_ntohl(*label) & MPLS_BOTTOM))
		return LINK_DONE;
	if ((void *)(next + 1) > data_end)
		return LINK_SHORT;
	if (*next == 0x45)
		walk->ethertype = bpf_htons(ETH_P_IP);
	else if (*next >> 4 == 6)
		walk->ethertype = bpf_htons(ETH_P_IPV6);
	else
		return LINK_STOPPED;
	return LINK_DONE;
}

static __always_inline int link_walk(struct link_walk *walk, void *data,
				     void *data_end)
{
	int i, end;

	data += sizeof(struct ethhdr);
	for (i = 0; i < MAX_LINK_HEADERS; i++) {
		void *at = data + (walk->length & MAX_OFFSET);

		if (link_is_vlan(walk->ethertype))
			end = link_step_vlan(walk, at, data_end);
		else if (link_is_mpls(walk->ethertype))
			end = link_step_mpls(walk, at, data_end);
		else if (walk->ethertype == bpf_htons(ETH_P_PPP_SES))
			end = link_step_pppoe(walk, at, data_end);
		else
			return LINK_DONE;
		if (end != LINK_DONE)
			return end;
	}
	return link_is_header(walk->ethertype) ? LINK_STOPPED : LINK_DONE;
}

__noinline int xdp_link_walk(struct xdp_md *ctx, struct link_walk *walk)
{
	if (!walk)
		return LINK_SHORT;
	return link_walk(walk, CTX_DATA(ctx), CTX_DATA_END(ctx));
}

__noinline int tc_link_walk(struct __sk_buff *ctx, struct link_walk *walk)
{
	if (!walk)
		return LINK_SHORT;
	return link_walk(walk, CTX_DATA(ctx), CTX_DATA_END(ctx));
}
