/* SPDX-License-Identifier: GPL-2.0 */
/* Resets a TCP connection: sends each end a RST that looks like the other end's.
 *
 * A RST takes effect only with exactly the number that its receiver expects next
 * (RFC 5961). So it is made here, with the numbers that the flow has at this
 * moment. User space runs the program on a packet that holds its arguments; the
 * program writes the RSTs over it and sends clones of it. They leave by the
 * interface behind which the end is, so the tracker never sees them. */
#pragma once

#include <stdbool.h>
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
#include "clock.h"
#include "config.h"
#include "ended.h"
#include "flags.h"
#include "flow.h"
#include "link.h"
#include "stats.h"
#include "table.h"

enum reset_step {
	/* Send a RST to both ends, if the flow had packets since the last ones. */
	RESET_SEND,
	/* End the flow, unless it had packets since the RSTs. */
	RESET_END,
	/* The ends do not obey: the flow goes on as before. */
	RESET_GIVE_UP,
};

enum reset_result {
	/* The program did not run to its end. */
	RESET_NOTHING,
	/* The flow has ended. */
	RESET_GONE,
	/* Both ends were sent a RST. */
	RESET_SENT,
	/* The flow had packets since. */
	RESET_BUSY,
	/* It had none. */
	RESET_QUIET,
	/* The flow was ended. */
	RESET_ENDED,
	/* The flow is not TCP. */
	RESET_NOT_TCP,
	/* How to frame a packet to an end is not known. */
	RESET_UNFRAMED,
	/* A RST could not be sent. */
	RESET_UNSENT,
};

/* In: a flow, and what to do. They begin where the packet begins, and its first
 * bytes are an Ethernet header for the kernel. */
struct reset_args {
	__u8 header[16];
	struct flow_key key;
	__u64 id;
	/* The packets of both directions when the last RSTs were sent, or all
	 * bits. */
	__u64 packets;
	enum reset_step step;
	__u32 pad;
};

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
	__u32 offset;
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

static __always_inline __u16 reset_vlan(const struct flow_key *key, __u32 index)
{
	return index == 0 ? key->vlan[0] :
	       index == 1 ? key->vlan[1] :
			    key->vlan_third;
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
	struct ethernet eth = flow->ethernet[rst->d & 1];
	__u16 last = key->session	? ETH_P_PPP_SES :
		     key->family == 4 ? ETH_P_IP :
					  ETH_P_IPV6;
	__be16 type;
	__u32 i;

	/* Not heard in this direction: the way back. */
	if (!(eth.words[0] | eth.words[1] | eth.words[2])) {
		const struct ethernet *back = &flow->ethernet[!(rst->d & 1)];

		eth.words[0] = (back->words[1] >> 16) | (back->words[2] << 16);
		eth.words[1] = (back->words[2] >> 16) | (back->words[0] << 16);
		eth.words[2] = (back->words[0] >> 16) | (back->words[1] << 16);
	}
	if (reset_store(skb, rst, &eth, sizeof(eth)))
		return RESET_UNSENT;
	for (i = 0; i < MAX_VLANS; i++) {
		__be16 tag[2];

		if (!reset_vlan(key, i))
			break;
		tag[0] = bpf_htons(reset_tag_type(flow->link, i));
		tag[1] = bpf_htons(reset_vlan(key, i));
		if (reset_store(skb, rst, tag, sizeof(tag)))
			return RESET_UNSENT;
	}
	type = bpf_htons(last);
	if (reset_store(skb, rst, &type, sizeof(type)))
		return RESET_UNSENT;
	if (key->session && reset_write_session(skb, rst, key, length))
		return RESET_UNSENT;
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

/* Writes a RST over the packet and sends a clone of it. */
__noinline int reset_send_one(struct __sk_buff *skb, const struct flow *flow,
			      struct reset *rst)
{
	__u32 length, ip;

	if (!flow || !rst)
		return RESET_UNSENT;
	ip = flow->key.family == 4 ? sizeof(struct reset_ipv4) :
				     sizeof(struct reset_ipv6);
	length = reset_link_length(&flow->key) + ip;
	rst->offset = 0;
	if (bpf_skb_change_tail(skb, length, 0) ||
	    reset_write_link(skb, rst, flow, ip))
		return RESET_UNSENT;
	if (flow->key.family == 4 ? reset_write_ipv4(skb, rst, &flow->key) :
				    reset_write_ipv6(skb, rst, &flow->key))
		return RESET_UNSENT;
	return bpf_clone_redirect(skb, rst->ifindex, 0) ? RESET_UNSENT : 0;
}

/* Sends the RST of direction d to its receiver. What the receiver expects next is
 * what the sender has sent last, or what the receiver has acknowledged, if the
 * rest was lost behind the tracker. */
static __always_inline int reset_send(struct __sk_buff *skb,
				      const struct flow *flow, __u64 control,
				      __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!(d & 1)];
	bool heard = has_flag(control, FLOW_SEEN, !d);
	__u32 end = READ_ONCE(sender->end), acked = READ_ONCE(receiver->acked);
	/* The receiver is the origin for a packet of the reply. */
	__u32 side = !!(control & FLOW_SIDE) ^ !(d & 1);
	struct reset rst = {
		.d = d & 1,
		.source = !!(control & FLOW_REVERSED) ^ (d & 1),
		.seq = end,
		.ack = READ_ONCE(receiver->end),
		.acks = heard,
		.ifindex = config.points[side & 1].ifindex,
	};
	int err = 0;

	if (!has_flag(control, FLOW_SEEN, d))
		rst.seq = acked;
	err = reset_send_one(skb, flow, &rst);
	if (!err && heard && acked && acked != rst.seq) {
		rst.seq = acked;
		err = reset_send_one(skb, flow, &rst);
	}
	return err;
}

/* Reports whether how to frame a packet is known. An MPLS label is another one in
 * each direction, and is not remembered. */
static __always_inline bool reset_framed(const struct flow *flow)
{
	const struct ethernet *origin = &flow->ethernet[ORIGIN];
	const struct ethernet *reply = &flow->ethernet[REPLY];

	return !(flow->link & LINK_LABELS) &&
	       (origin->words[0] | origin->words[1] | origin->words[2] |
		reply->words[0] | reply->words[1] | reply->words[2]);
}

static __always_inline __u64 reset_packets(const struct flow *flow)
{
	return READ_ONCE(flow->dir[ORIGIN].packets) +
	       READ_ONCE(flow->dir[REPLY].packets);
}

/* Ends the flow, and remembers it: packets on their way belong to nobody. */
static __always_inline int reset_end(struct flow *flow, struct flow_key *key,
				     __u64 control, __u64 packets)
{
	if (reset_packets(flow) != packets)
		return RESET_BUSY;
	ended_note(key, flow, ORIGIN, !!(control & FLOW_REVERSED),
		   clock_ticks());
	if (!flow_destroy(flow, control, request_cause(REASON_RESET)))
		return RESET_BUSY;
	return RESET_ENDED;
}

/* Sends both ends a RST. Tells user space how many packets the flow had before, and
 * the round trip of its handshake, in the packet's control block. */
static __always_inline int reset_both(struct __sk_buff *skb, struct flow *flow,
				      __u64 control, __u64 before)
{
	__u64 packets = reset_packets(flow);
	int origin, reply;

	if (packets == before)
		return RESET_QUIET;
	if (!reset_framed(flow))
		return RESET_UNFRAMED;
	flow->reset = 1;
	origin = reset_send(skb, flow, control, ORIGIN);
	reply = reset_send(skb, flow, control, REPLY);
	skb->cb[0] = packets;
	skb->cb[1] = packets >> 32;
	skb->cb[2] = flow->dir[ORIGIN].rtt_us + flow->dir[REPLY].rtt_us;
	if (origin || reply)
		return RESET_UNSENT;
	return RESET_SENT;
}

SEC("tc")
int ctop_reset(struct __sk_buff *skb)
{
	const struct reset_args *args = CTX_DATA(skb);
	struct flow_key key;
	__u64 id, packets, control;
	struct flow *flow;
	__u32 step;

	if ((void *)(args + 1) > CTX_DATA_END(skb))
		return RESET_UNSENT;
	key = args->key;
	id = args->id;
	packets = args->packets;
	step = args->step;
	if (key.proto != IPPROTO_TCP)
		return RESET_NOT_TCP;
	flow = flow_living(&key, &control);
	if (!flow || flow_id(flow) != id)
		return RESET_GONE;
	switch (step) {
	case RESET_SEND:
		return reset_both(skb, flow, control, packets);
	case RESET_END:
		return reset_end(flow, &key, control, packets);
	}
	flow->reset = 0;
	return RESET_BUSY;
}
