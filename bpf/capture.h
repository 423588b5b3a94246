/* SPDX-License-Identifier: GPL-2.0 */
/* Copies the packets of marked flows to user space (ctop capture).
 *
 * A marked flow has FLOW_CAPTURED in its control, so none of its packets takes the fast
 * path; for those of all other flows that is the look that they take anyway. Which
 * captures want the flow, its entry says. User space marks flows that are there, by
 * requests. New ones are marked by their first packet if it fits a capture's rules.
 *
 * Each capture has a perf event array in captures: its events go with the descriptor of
 * whoever reads them, so that nothing has to be cleared up after a kill. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "capture_rule.h"
#include "clock.h"
#include "config.h"
#include "flow.h"
#include "owner.h"
#include "packet.h"
#include "stats.h"
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
	__u8 pad[2];
	/* The place of the flow. */
	__u32 place;
	__u32 pad2;
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

/* The captures that run, a bit for each. Only requests change it. */
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
	owner_copy(&to->owner, flow, control);
}

/* Notes that a packet is one of a marked flow, as long as that lives. */
__noinline int capture_note(struct packet *pkt, struct flow *flow,
			    __u64 control)
{
	struct captured *to = captured_get();

	if (!pkt || !flow || !to)
		return 0;
	pkt->captured = CAPTURED_KNOWN;
	to->slots = flow->captures;
	to->from = control_state(control);
	captured_flow(to, pkt, flow, control);
	return 0;
}

/* Sets which captures want a flow. Reports whether it lives. */
__noinline int capture_mark(struct flow *flow, __u64 control, __u32 slots)
{
	__u64 tag = control >> CONTROL_TAG_SHIFT, marked;
	int i;

	if (!flow)
		return 0;
	flow->captures = slots;
#pragma clang loop unroll(disable)
	for (i = 0; i < 4; i++) {
		if (control_state(control) == STATE_NONE ||
		    control_tag(control) != tag)
			return 0;
		marked = control & ~(__u64)FLOW_CAPTURED;
		if (slots)
			marked |= FLOW_CAPTURED;
		if (marked == control || control_swap(flow, control, marked))
			return 1;
		control = READ_ONCE(flow->control);
	}
	return 0;
}

/* Which captures want a flow that its first packet has just begun. */
static __always_inline __u32 capture_first(struct packet *pkt,
					   struct captured *to)
{
	__u32 running = capturing, slot, slots;
	struct flow *flow;
	__u64 control;

	/* In the map, whose content the verifier does not follow. */
	WRITE_ONCE(to->slots, 0);
#pragma clang loop unroll(disable)
	for (slot = 0; slot < MAX_CAPTURES; slot++)
		if (running & 1 << slot && capture_wants(&pkt->key, slot))
			WRITE_ONCE(to->slots, to->slots | 1 << slot);
	slots = READ_ONCE(to->slots);
	if (!slots)
		return 0;
	flow = flow_living(&pkt->key, &control);
	if (!flow || !capture_mark(flow, control, slots))
		return 0;
	to->from = STATE_NONE;
	to->to = control_state(control);
	captured_flow(to, pkt, flow, control);
	return slots;
}

/* Which captures want a packet of a flow that is marked. A mark that nobody has a use
 * for any more goes. */
static __always_inline __u32 capture_known(struct packet *pkt,
					   struct captured *to)
{
	__u32 slots = to->slots & capturing;
	struct flow *flow;
	__u64 control;

	to->to = STATE_NONE;
	flow = flow_living(&pkt->key, &control);
	if (!flow || flow_id(flow) != to->id)
		return slots;
	to->to = control_state(control);
	if (!slots)
		capture_mark(flow, control, 0);
	return slots;
}

/* Fills in the head of a packet, and returns the captures that want it. */
__noinline int capture_head(struct packet *pkt, __u32 verdict)
{
	struct captured *to = captured_get();
	__u32 slots;

	if (!pkt || !to)
		return 0;
	to->first = pkt->captured == CAPTURED_FIRST;
	slots = to->first ? capture_first(pkt, to) : capture_known(pkt, to);
	if (!slots)
		return 0;
	to->time_ns = clock_ns();
	to->key = pkt->key;
	to->verdict = verdict;
	to->invalid = pkt->invalid;
	to->reversed = pkt->reversed;
	to->side = pkt->side;
	to->dropped = verdict == VERDICT_INVALID &&
		      config.policy == POLICY_ENFORCE;
	return slots;
}

/* Returns how many bytes of a packet a capture gets, or a negative number if its budget
 * is spent. */
__noinline int capture_admit(__u32 slot, __u32 length)
{
	struct capture *capture = bpf_map_lookup_elem(&capture_rules, &slot);
	struct capture_count *count = bpf_map_lookup_elem(&capture_counts,
							  &slot);
	struct captured *to = captured_get();

	if (!capture || !count || !to)
		return -1;
	if (count->spent_ns + capture->burst_ns < to->time_ns)
		count->spent_ns = to->time_ns - capture->burst_ns;
	if (count->spent_ns + capture->cost_ns > to->time_ns) {
		count->over_budget++;
		return -1;
	}
	count->spent_ns += capture->cost_ns;
	if (length > capture->snap)
		length = capture->snap;
	if (length > MAX_CAPTURED)
		length = MAX_CAPTURED;
	to->taken = length;
	return length;
}

/* Counts what became of a packet that the budget admits. Without a ring whoever read it
 * was killed, or the processor was off when the capture began: user space says that it
 * goes on, as long as it does. */
__noinline int capture_done(__u32 slot, int err)
{
	struct capture_count *count = bpf_map_lookup_elem(&capture_counts,
							  &slot);

	if (!count)
		return 0;
	if (err == -ENOENT)
		__sync_fetch_and_and(&capturing,
				     ~(1U << (slot & (MAX_CAPTURES - 1))));
	if (err)
		count->no_room++;
	else
		count->copied++;
	return 0;
}

/* Copies a packet of that length to a capture. */
static __always_inline void capture_copy(void *ctx, __u32 slot, __u32 length)
{
	struct captured *head = captured_get();
	int taken = capture_admit(slot, length);
	long err = -ENOENT;
	void *ring;

	if (!head || taken < 0)
		return;
	ring = bpf_map_lookup_elem(&captures, &slot);
	if (ring)
		err = bpf_perf_event_output(ctx, ring,
					    BPF_F_CURRENT_CPU |
						    (__u64)(__u32)taken << 32,
					    head, sizeof(*head));
	capture_done(slot, err);
}

__noinline int xdp_capture_copy(struct xdp_md *ctx, __u32 slot, __u32 length)
{
	capture_copy(ctx, slot, length);
	return 0;
}

__noinline int tc_capture_copy(struct __sk_buff *ctx, __u32 slot, __u32 length)
{
	capture_copy(ctx, slot, length);
	return 0;
}

__noinline int xdp_capture(struct xdp_md *ctx, struct packet *pkt,
			   __u32 verdict)
{
	struct captured *head = captured_get();
	__u32 slots, slot, length = ctx->data_end - ctx->data;

	if (!pkt || !head)
		return 0;
	if (multi_buffer)
		length = bpf_xdp_get_buff_len(ctx);
	head->length = length;
	head->vlan_proto = 0;
	slots = capture_head(pkt, verdict);
#pragma clang loop unroll(disable)
	for (slot = 0; slot < MAX_CAPTURES; slot++)
		if (slots & 1 << slot)
			xdp_capture_copy(ctx, slot, length);
	return 0;
}

__noinline int tc_capture(struct __sk_buff *ctx, struct packet *pkt,
			  __u32 verdict)
{
	struct captured *head = captured_get();
	__u32 slots, slot, length = ctx->len;

	if (!pkt || !head)
		return 0;
	head->length = length;
	head->vlan_proto = ctx->vlan_present ? bpf_ntohs(ctx->vlan_proto) : 0;
	head->vlan_tci = ctx->vlan_tci;
	slots = capture_head(pkt, verdict);
#pragma clang loop unroll(disable)
	for (slot = 0; slot < MAX_CAPTURES; slot++)
		if (slots & 1 << slot)
			tc_capture_copy(ctx, slot, length);
	return 0;
}
