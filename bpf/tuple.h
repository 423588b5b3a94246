/* SPDX-License-Identifier: GPL-2.0 */
/* The key that both directions of a flow share. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

/* An address is two halves of 64 bits in network order. IPv4 addresses are
 * mapped into IPv6 (::ffff:a.b.c.d). The family is part of the key, since IPv6
 * packets may have mapped addresses, too. */
struct flow_key {
	__be64 addr[2][2];
	/* Zero for protocols without ports. For ICMP, both are the request's
	 * identifier. */
	__be16 port[2];
	/* VLAN ids, outer and inner. Zero is none. */
	__u16 vlan[2];
	__u8 proto;
	/* 4 or 6 */
	__u8 family;
	/* Type and code of the ICMP request, in packets of both directions. */
	__u8 icmp_type;
	__u8 icmp_code;
	/* The third VLAN id, and the PPPoE session. */
	__u16 vlan_third;
	__u16 session;
};

_Static_assert(sizeof(struct flow_key) == 48, "flow_key has hidden padding");

#ifndef IPPROTO_DCCP
#define IPPROTO_DCCP 33
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

/* Reports whether a protocol's header begins with two ports (RFC 9293, 768,
 * 9260, 3828, 4340). */
static __always_inline bool proto_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE ||
	       proto == IPPROTO_DCCP;
}

static __always_inline __be64 mapped_ipv4(__be32 addr)
{
	return bpf_cpu_to_be64(0xffff00000000ULL) | (__u64)addr << 32;
}

static __always_inline void key_set_ipv4(struct flow_key *key, __be32 source,
					 __be32 destination)
{
	key->addr[0][0] = 0;
	key->addr[0][1] = mapped_ipv4(source);
	key->addr[1][0] = 0;
	key->addr[1][1] = mapped_ipv4(destination);
}

/* source points at the source address in the header. The destination follows
 * it. */
static __always_inline void key_set_ipv6(struct flow_key *key,
					 const void *source)
{
	const __be64 *halves = source;

	key->addr[0][0] = halves[0];
	key->addr[0][1] = halves[1];
	key->addr[1][0] = halves[2];
	key->addr[1][1] = halves[3];
}

/* Reports whether the ends must be swapped. Address and port are compared
 * together: otherwise A:1 -> B:2 and A:2 -> B:1 would share a key. Any total
 * order will do, so network order is compared as it is. */
static __always_inline int key_is_swapped(const struct flow_key *key)
{
	if (key->addr[0][0] != key->addr[1][0])
		return key->addr[0][0] > key->addr[1][0];
	if (key->addr[0][1] != key->addr[1][1])
		return key->addr[0][1] > key->addr[1][1];
	return key->port[0] > key->port[1];
}

/* Puts the ends in order. Reports whether it swapped them, so that the packet
 * goes from end 1 to end 0. In an ICMP flow, end 0 sends the requests: two
 * hosts that send each other requests with the same identifier have two
 * flows. */
static __always_inline int key_normalise(struct flow_key *key, bool icmp_answer)
{
	__be64 high = key->addr[0][0], low = key->addr[0][1];
	__be16 port = key->port[0];

	if (!(key->icmp_type ? icmp_answer : key_is_swapped(key)))
		return 0;
	key->addr[0][0] = key->addr[1][0];
	key->addr[0][1] = key->addr[1][1];
	key->port[0] = key->port[1];
	key->addr[1][0] = high;
	key->addr[1][1] = low;
	key->port[1] = port;
	return 1;
}
