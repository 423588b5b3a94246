/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors: the flow key of the packet that they quote (RFC 792, RFC 4443).
 * The entry points are global functions, for the reason in walk.h. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "icmp.h"
#include "tuple.h"
#include "walk.h"

/* The result of parsing the quoted packet. */
enum quoted {
	QUOTED_KEY,
	/* It is truncated before the end of its ports. */
	QUOTED_SHORT,
	/* A later fragment, whose ports are unknown. */
	QUOTED_FRAGMENT,
	/* The destination of the error did not send it. */
	QUOTED_OTHER_SENDER,
};

/* Parses the ports, or the ICMP request, of the quoted packet. An error quotes
 * at least eight bytes of the transport header. Of a protocol with neither, the
 * IP header is enough. */
static __always_inline int quoted_transport(void *data, void *data_end,
					    __u32 offset, __u32 end,
					    struct flow_key *key)
{
	struct icmp_header *icmp = data + (offset & MAX_OFFSET);
	__be16 *ports = data + (offset & MAX_OFFSET);
	bool answer = false;

	if (!proto_has_ports(key->proto) && key->proto != IPPROTO_ICMP &&
	    key->proto != IPPROTO_ICMPV6) {
		key_normalise(key, false);
		return QUOTED_KEY;
	}
	if ((void *)(icmp + 1) > data_end || offset + sizeof(*icmp) > end)
		return QUOTED_SHORT;
	if (proto_has_ports(key->proto)) {
		key->port[0] = ports[0];
		key->port[1] = ports[1];
	} else {
		key->icmp_type = icmp_request_of(key->family, icmp->type,
						 &answer);
		key->icmp_code = icmp->code;
		key->port[0] = icmp->id;
		key->port[1] = icmp->id;
	}
	key_normalise(key, answer);
	return QUOTED_KEY;
}

/* Reports whether the destination of the error did not send the quoted packet
 * (RFC 1122 3.2.2). Such an error is forged. */
static __always_inline bool quoted_has_other_sender(const struct flow_key *key,
						    __be64 high, __be64 low)
{
	return key->addr[0][0] != high || key->addr[0][1] != low;
}

static __always_inline int quoted_ipv4(void *data, void *data_end, __u32 offset,
				       __u32 end, struct flow_key *key)
{
	struct iphdr *ip = data + (offset & MAX_OFFSET);
	__be64 high = key->addr[1][0], low = key->addr[1][1];

	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return QUOTED_SHORT;
	key_set_ipv4(key, ip->saddr, ip->daddr);
	key->proto = ip->protocol;
	if (quoted_has_other_sender(key, high, low))
		return QUOTED_OTHER_SENDER;
	if (bpf_ntohs(ip->frag_off) & IPV4_OFFSET_MASK)
		return QUOTED_FRAGMENT;
	return quoted_transport(data, data_end, offset + ip->ihl * 4, end, key);
}

static __always_inline int quoted_ipv6(void *data, void *data_end, __u32 offset,
				       __u32 end, struct flow_key *key)
{
	struct ipv6hdr *ip = data + (offset & MAX_OFFSET);
	__be64 high = key->addr[1][0], low = key->addr[1][1];
	struct ipv6_walk walk = {};
	int end_of_walk;

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return QUOTED_SHORT;
	key_set_ipv6(key, &ip->saddr);
	key->proto = ip->nexthdr;
	if (quoted_has_other_sender(key, high, low))
		return QUOTED_OTHER_SENDER;
	offset += sizeof(*ip);
	end_of_walk = ipv6_walk(data, data_end, offset, key->proto, &walk);
	if (end_of_walk == WALK_MALFORMED)
		return QUOTED_SHORT;
	if (end_of_walk == WALK_STOPPED || walk.fragment & IPV6_OFFSET_MASK)
		return QUOTED_FRAGMENT;
	key->proto = walk.proto;
	return quoted_transport(data, data_end, offset + walk.length, end, key);
}

/* Turns the key of an error into that of the quoted packet, which lies between
 * offset and end. */
static __always_inline int quoted_key(void *data, void *data_end, __u32 offset,
				      __u32 end, struct flow_key *key)
{
	if (key->family == 6)
		return quoted_ipv6(data, data_end, offset, end, key);
	return quoted_ipv4(data, data_end, offset, end, key);
}

__noinline int xdp_quoted_key(struct xdp_md *ctx, __u32 offset, __u32 end,
			      struct flow_key *key)
{
	if (!key)
		return QUOTED_SHORT;
	return quoted_key(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, end, key);
}

__noinline int tc_quoted_key(struct __sk_buff *ctx, __u32 offset, __u32 end,
			     struct flow_key *key)
{
	if (!key)
		return QUOTED_SHORT;
	return quoted_key(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, end, key);
}
