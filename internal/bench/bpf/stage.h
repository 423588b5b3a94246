/* SPDX-License-Identifier: GPL-2.0 */
/* Makes every packet of a test run another one: ref_stage writes the client's
 * address and what a script says into the frame, and calls the program under
 * test. It costs all of them the same; a run with ref_redirect tells how much. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

#define FRAME_TTL 64
#define MAX_STEPS 16
#define TCP_OFFSET (sizeof(struct ethhdr) + sizeof(struct iphdr))
#define TCP_OFFSET6 (sizeof(struct ethhdr) + sizeof(struct ipv6hdr))

/* One packet of a conversation. */
struct step {
	__u32 seq;
	__u32 ack;
	__u8 flags;
	/* Comes from the server. */
	__u8 reply;
	__u16 pad;
};

struct stage {
	__u64 random;
	/* The flow of the conversation at hand, and the next in order. */
	__u32 flow;
	__u32 next;
	/* Flows less one, a power of two less one. */
	__u32 mask;
	/* Takes flows in order, for ever new ones, and not any of them. */
	__u32 ordered;
	__u32 step;
	__u32 steps;
	/* Addresses: the server's, and the client's of flow 0. */
	__be32 server;
	__u32 client;
	/* Sum of the IPv4 header's words but checksum and client address. */
	__u32 sum;
	/* The Ethernet addresses, which a router has changed in a frame that is
	 * used again. */
	__u32 macs[3];
	__u32 pad;
	struct step script[MAX_STEPS];
};

struct stage staging SEC(".data.staging");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} subject SEC(".maps");

/* The flow that a new conversation has: any of them, or the next. */
static __always_inline __u32 stage_choose(void)
{
	__u64 x = staging.random;

	if (staging.ordered)
		return staging.next++;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	staging.random = x;
	return (x >> 20) & staging.mask;
}

static __always_inline const struct step *stage_step(void)
{
	__u32 step = staging.step;

	if (step == 0)
		staging.flow = stage_choose();
	staging.step = step + 1 < staging.steps ? step + 1 : 0;
	return &staging.script[step & (MAX_STEPS - 1)];
}

static __always_inline __u16 stage_checksum(__be32 client)
{
	__u32 sum = staging.sum + (client & 0xffff) + (client >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void stage_tcp(struct tcphdr *tcp,
				      const struct step *step)
{
	tcp->seq = bpf_htonl(step->seq);
	tcp->ack_seq = bpf_htonl(step->ack);
	((__u8 *)tcp)[13] = step->flags;
}

static __always_inline void stage_swap_ports(struct tcphdr *tcp, bool reply)
{
	__be16 low = tcp->source, high = tcp->dest;

	/* The server's port is the lower one. */
	if (bpf_ntohs(low) > bpf_ntohs(high)) {
		__be16 other = low;

		low = high;
		high = other;
	}
	tcp->source = reply ? low : high;
	tcp->dest = reply ? high : low;
}

SEC("xdp.frags")
int ref_stage(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data,
	     *end = (void *)(long)ctx->data_end;
	struct plain_frame6 *six = data;
	struct plain_frame *four = data;
	const struct step *step = stage_step();
	__be32 client = bpf_htonl(staging.client + staging.flow);
	__u32 *macs = data;

	if ((void *)(four + 1) > end)
		return XDP_ABORTED;
	macs[0] = staging.macs[0];
	macs[1] = staging.macs[1];
	macs[2] = staging.macs[2];
	if (four->eth.h_proto == bpf_htons(ETH_P_IP)) {
		four->ip.ttl = FRAME_TTL;
		four->ip.saddr = step->reply ? staging.server : client;
		four->ip.daddr = step->reply ? client : staging.server;
		four->ip.check = stage_checksum(client);
		stage_tcp(data + TCP_OFFSET, step);
		stage_swap_ports(data + TCP_OFFSET, step->reply);
	} else if ((void *)(six + 1) <= end) {
		six->ip.saddr.in6_u.u6_addr32[3] = client;
		stage_tcp(data + TCP_OFFSET6, step);
	}
	bpf_tail_call(ctx, &subject, 0);
	return XDP_ABORTED;
}
