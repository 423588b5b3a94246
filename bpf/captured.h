/* SPDX-License-Identifier: GPL-2.0 */
/* What captures get (capture.h): the head of a copied packet, and where it goes. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "capture_rule.h"
#include "flow.h"
#include "owner.h"
#include "packet.h"
#include "table.h"

/* The most bytes of a packet: the length of a record with them has 16 bits. */
#define MAX_CAPTURED 0xfc00

/* What became of a capture's packets on one CPU. */
struct capture_count {
	/* The time up to which the budget is spent. */
	__u64 spent_ns;
	__u64 copied;
	/* Not copied: beyond the budget, and without room in the ring. */
	__u64 over_budget;
	__u64 no_room;
};

/* The head of a copied packet. */
struct captured {
	__u64 time_ns;
	__u64 id;
	struct flow_key key;
	/* The length of the packet, and of the part that follows. */
	__u32 length;
	__u32 taken;
	/* A VLAN tag that is not in the packet: its ethertype, zero if there is none. */
	__u16 vlan_proto;
	__u16 vlan_tci;
	/* enum flow_state, before and after. */
	__u8 from;
	__u8 to;
	/* enum verdict, with the reason if it is invalid. */
	__u8 verdict;
	__u8 invalid;
	/* enum direction in the flow. */
	__u8 direction;
	__u8 reversed;
	__u8 side;
	__u8 dropped;
	/* The packet begins the flow. */
	__u8 first;
	/* The captures that want it. */
	__u8 slots;
	/* First bytes of a flow (hello.h): where they begin in the packet, and where they
	 * lie in the stream. Zero otherwise. */
	__u16 payload;
	/* The place of the flow. */
	__u32 place;
	__u32 offset;
	/* The process behind the flow. Without one, control is zero. */
	struct owner owner;
};

_Static_assert(sizeof(struct captured) == 144, "captured has hidden padding");

struct packet_ring {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_CAPTURES);
	__type(key, __u32);
	__array(values, struct packet_ring);
} captures SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_CAPTURES);
	__type(key, __u32);
	__type(value, struct capture_count);
} capture_counts SEC(".maps");

/* The packet that is being copied. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct captured);
} capturing_now SEC(".maps");

/* The captures that run, a bit for each, and above them those that want first bytes
 * alone (HELLO_SHIFT). Only requests change it. */
__u32 capturing SEC(".data.capturing");

/* Why a packet may be captured (packet.captured). */
#define CAPTURED_KNOWN 1
#define CAPTURED_FIRST 2

static __always_inline struct captured *captured_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&capturing_now, &zero);
}

static __always_inline void captured_flow(struct captured *to,
					  const struct packet *pkt,
					  const struct flow *flow,
					  __u64 control)
{
	to->id = flow_id(flow);
	to->place = flow->slot >> 32;
	to->direction = flow_direction(control, pkt);
	owner_copy(&to->owner, flow, control_tag(control));
}
