/* SPDX-License-Identifier: GPL-2.0 */
/* The octets of a flow's IP packets, for those who ask for them (flow records). A flow
 * counts the bytes of its frames, and knows how many they are. Nearly all frames are an
 * Ethernet header and a packet, so only what some have beyond that is counted: padding,
 * tags, labels; less where there is no Ethernet header. Flows have no room for it, so it
 * lies in an array beside theirs, at the same place. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "packet.h"

/* Octets are counted: a constant from load time. */
volatile const bool exact_octets;

/* By direction. Negative where frames have less. */
struct octets {
	__s64 beyond[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct octets);
} octets SEC(".maps");

static __always_inline struct octets *octets_of(const struct flow *flow)
{
	__u32 index = flow->slot >> 32;

	return bpf_map_lookup_elem(&octets, &index);
}

/* Begins to count for a new flow. */
__noinline int octets_begin(const struct flow *flow)
{
	struct octets *o = flow ? octets_of(flow) : NULL;

	if (o) {
		o->beyond[0] = 0;
		o->beyond[1] = 0;
	}
	return 0;
}

/* Counts what the frames of a packet have beyond an Ethernet header and IP. */
__noinline int octets_add(const struct flow *flow, const struct packet *pkt,
			  __u32 d)
{
	struct octets *o;
	__s64 beyond;

	if (!flow || !pkt)
		return 0;
	beyond = (__s64)pkt->bytes - pkt->octets -
		 (__s64)pkt->segments * sizeof(struct ethhdr);
	if (!beyond)
		return 0;
	o = octets_of(flow);
	if (o)
		__sync_fetch_and_add(&o->beyond[d & 1], beyond);
	return 0;
}

/* Counts the octets of a packet, where they are asked for. Before flow_count(): what is
 * live after its branches costs the verifier. */
static __always_inline void octets_count(const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	if (exact_octets)
		octets_add(flow, pkt, d);
}
