/* SPDX-License-Identifier: GPL-2.0 */
/* Writes a RST over a packet, framed as the packets of its flow are. */
#pragma once

#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "checksum.h"
#include "flow.h"
#include "link.h"
#include "packet.h"

/* What a step of writing returns if it cannot. */
#define RESET_NOT_WRITTEN 1

/* A RST to be written. */
struct reset {
	/* The direction in which it goes, and the end that it seems to come
	 * from. */
	__u32 d;
	__u32 source;
	__u32 seq;
	__u32 ack;
	/* Whether ack says anything. */
	__u32 acks;
	__u32 ifindex;
	/* Whether that is watched, and whether the RST comes in there. */
	__u32 watched;
	__u32 flags;
	__u32 offset;
};

/* Where RSTs go: what struct reset_args says of the interface. */
struct reset_way {
	__u32 ifindex;
	__u32 no_link;
	__u32 one_side;
};

static __always_inline int reset_store(struct __sk_buff *skb, struct reset *rst,
				       const void *from, __u32 length)
{
	int err = bpf_skb_store_bytes(skb, rst->offset & MAX_OFFSET, from,
				      length, 0);

	rst->offset += length;
	return err;
}

static __always_inline __u16 reset_tag_type(__u32 link, __u32 index)
{
	switch (link >> LINK_KIND_BITS * index & LINK_KIND_MASK) {
	case LINK_KIND_8021AD:
		return ETH_P_8021AD;
	case LINK_KIND_QINQ1:
		return ETH_P_QINQ1;
	}
	return ETH_P_8021Q;
}

/* A VLAN id, without the part of the zone beside it (watch.h). */
static __always_inline __u16 reset_vlan(const struct flow_key *key, __u32 index)
{
	__u16 id = index == 0 ? key->vlan[0] :
		   index == 1 ? key->vlan[1] :
				key->vlan_third;

	return id & VLAN_ID_MASK;
}

/* The headers of PPPoE, for a payload of that length. */
static __always_inline int reset_write_session(struct __sk_buff *skb,
					       struct reset *rst,
					       const struct flow_key *key,
					       __u32 length)
{
	__u16 protocol = key->family == 4 ? PPP_IPV4 : PPP_IPV6;
	struct pppoe_header pppoe = {
		.version_type = PPPOE_VERSION_TYPE,
		.code = PPPOE_SESSION_DATA,
		.session = bpf_htons(key->session),
		.length = bpf_htons(length + sizeof(pppoe.protocol)),
		.protocol = bpf_htons(protocol),
	};

	return reset_store(skb, rst, &pppoe, sizeof(pppoe));
}

/* Ethernet and what lies between it and IP. */
static __always_inline int reset_write_link(struct __sk_buff *skb,
					    struct reset *rst,
					    const struct flow *flow,
					    __u32 length)
{
	const struct flow_key *key = &flow->key;
	struct ethernet eth = flow_traffic(flow, rst->d)->ethernet;
	__u16 last = key->session	? ETH_P_PPP_SES :
		     key->family == 4 ? ETH_P_IP :
					  ETH_P_IPV6;
	__be16 type;
	__u32 i;

	/* Not heard in this direction: the way back. */
	if (!(eth.words[0] | eth.words[1] | eth.words[2])) {
		const struct ethernet *back = &flow_traffic(flow, !(rst->d & 1))->ethernet;

		eth.words[0] = (back->words[1] >> 16) | (back->words[2] << 16);
		eth.words[1] = (back->words[2] >> 16) | (back->words[0] << 16);
		eth.words[2] = (back->words[0] >> 16) | (back->words[1] << 16);
	}
	if (reset_store(skb, rst, &eth, sizeof(eth)))
		return RESET_NOT_WRITTEN;
	for (i = 0; i < MAX_VLANS; i++) {
		__be16 tag[2];

		if (!reset_vlan(key, i))
			break;
		tag[0] = bpf_htons(reset_tag_type(flow->link, i));
		tag[1] = bpf_htons(reset_vlan(key, i));
		if (reset_store(skb, rst, tag, sizeof(tag)))
			return RESET_NOT_WRITTEN;
	}
	type = bpf_htons(last);
	if (reset_store(skb, rst, &type, sizeof(type)))
		return RESET_NOT_WRITTEN;
	if (key->session && reset_write_session(skb, rst, key, length))
		return RESET_NOT_WRITTEN;
	return 0;
}

/* The length of the headers before IP. */
static __always_inline __u32 reset_link_length(const struct flow_key *key)
{
	__u32 length = sizeof(struct ethhdr), i;

	for (i = 0; i < MAX_VLANS && reset_vlan(key, i); i++)
		length += sizeof(struct vlan_tag);
	if (key->session)
		length += sizeof(struct pppoe_header);
	return length;
}

/* The time to live of what ends send themselves. */
#define RESET_TTL 64

struct reset_ipv4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct reset_ipv6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

static __always_inline void reset_fill_tcp(struct tcphdr *tcp,
					   const struct reset *rst,
					   const struct flow_key *key)
{
	tcp->source = key->port[rst->source & 1];
	tcp->dest = key->port[!(rst->source & 1)];
	tcp->seq = bpf_htonl(rst->seq);
	tcp->ack_seq = rst->acks ? bpf_htonl(rst->ack) : 0;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	tcp->ack = !!rst->acks;
}

/* The checksum of a header whose pseudo header is the words. */
static __always_inline void reset_sum_tcp(struct tcphdr *tcp, __be32 *pseudo,
					  __u32 length)
{
	__s64 sum = bpf_csum_diff(NULL, 0, pseudo, length, 0);

	sum = bpf_csum_diff(NULL, 0, (__be32 *)tcp, sizeof(*tcp), sum);
	tcp->check = ~checksum_fold(sum);
}

static __always_inline int reset_write_ipv4(struct __sk_buff *skb,
					    struct reset *rst,
					    const struct flow_key *key)
{
	struct reset_ipv4 packet = {};
	__be32 pseudo[4];

	packet.ip.version = 4;
	packet.ip.ihl = sizeof(packet.ip) / 4;
	packet.ip.tot_len = bpf_htons(sizeof(packet));
	packet.ip.frag_off = bpf_htons(0x4000); /* do not fragment */
	packet.ip.ttl = RESET_TTL;
	packet.ip.protocol = IPPROTO_TCP;
	packet.ip.saddr = key->addr[rst->source & 1][1] >> 32;
	packet.ip.daddr = key->addr[!(rst->source & 1)][1] >> 32;
	packet.ip.check = ~checksum_fold(bpf_csum_diff(
		NULL, 0, (__be32 *)&packet.ip, sizeof(packet.ip), 0));
	reset_fill_tcp(&packet.tcp, rst, key);
	pseudo[0] = packet.ip.saddr;
	pseudo[1] = packet.ip.daddr;
	pseudo[2] = bpf_htonl(sizeof(packet.tcp));
	pseudo[3] = bpf_htonl(IPPROTO_TCP);
	reset_sum_tcp(&packet.tcp, pseudo, sizeof(pseudo));
	return reset_store(skb, rst, &packet, sizeof(packet));
}

static __always_inline int reset_write_ipv6(struct __sk_buff *skb,
					    struct reset *rst,
					    const struct flow_key *key)
{
	struct reset_ipv6 packet = {};
	__be64 addresses[4];
	__be64 pseudo[5];

	addresses[0] = key->addr[rst->source & 1][0];
	addresses[1] = key->addr[rst->source & 1][1];
	addresses[2] = key->addr[!(rst->source & 1)][0];
	addresses[3] = key->addr[!(rst->source & 1)][1];
	packet.ip.version = 6;
	packet.ip.payload_len = bpf_htons(sizeof(packet.tcp));
	packet.ip.nexthdr = IPPROTO_TCP;
	packet.ip.hop_limit = RESET_TTL;
	/* Source and destination are one after the other. */
	__builtin_memcpy(&packet.ip.saddr, addresses, sizeof(addresses));
	reset_fill_tcp(&packet.tcp, rst, key);
	__builtin_memcpy(pseudo, addresses, sizeof(addresses));
	pseudo[4] = bpf_htonl(sizeof(packet.tcp)) |
		    (__u64)bpf_htonl(IPPROTO_TCP) << 32;
	reset_sum_tcp(&packet.tcp, (__be32 *)pseudo, sizeof(pseudo));
	return reset_store(skb, rst, &packet, sizeof(packet));
}
