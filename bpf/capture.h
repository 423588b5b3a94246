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
#include "captured.h"
#include "clock.h"
#include "config.h"
#include "flow.h"
#include "hello.h"
#include "owner.h"
#include "packet.h"
#include "stats.h"
#include "table.h"

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
		if (running & 1 << slot && capture_wants(&pkt->key, slot) &&
		    (!(running >> HELLO_SHIFT & 1 << slot) ||
		     hello_may_follow(pkt)))
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

/* Takes the mark of captures from a packet's flow. */
static __always_inline void capture_leave(const struct packet *pkt,
					  const struct captured *to,
					  __u32 slots)
{
	struct flow *flow;
	__u64 control;

	flow = flow_living(&pkt->key, &control);
	if (flow && flow_id(flow) == to->id)
		capture_mark(flow, control, flow->captures & ~slots);
}

/* Returns which of the captures that want a packet get it, where some want first bytes
 * alone. */
__noinline int capture_hello(struct packet *pkt, __u32 slots, __u32 verdict)
{
	__u32 wanting = slots & capturing >> HELLO_SHIFT;
	struct captured *to = captured_get();
	enum hello is = HELLO_LATER;
	struct flow *flow;
	__u64 control;

	if (!pkt || !to)
		return 0;
	flow = flow_living(&pkt->key, &control);
	if (flow && flow_id(flow) == to->id && verdict != VERDICT_INVALID) {
		to->payload = hello_payload(pkt);
		if (pkt->key.proto == IPPROTO_TCP)
			to->offset = hello_offset(pkt, flow);
		if (to->payload)
			is = hello_of(pkt, flow, to->direction);
	}
	if (is == HELLO_OVER)
		capture_leave(pkt, to, wanting);
	return is == HELLO_IS ? slots : slots & ~wanting;
}

/* Returns what is left of the captures that want a packet whose first byte of payload is
 * known: a TCP stream that does not begin as TLS has no name. */
__noinline int capture_stream(struct packet *pkt, __u32 slots, int first)
{
	__u32 wanting = slots & capturing >> HELLO_SHIFT;
	struct captured *to = captured_get();

	if (!pkt || !to)
		return 0;
	if (!wanting || first < 0 || first == TLS_HANDSHAKE)
		return slots;
	capture_leave(pkt, to, wanting);
	return slots & ~wanting;
}

/* Whether the first byte of a packet's payload has to be looked at. */
static __always_inline bool capture_looks(const struct packet *pkt,
					  const struct captured *head,
					  __u32 slots)
{
	return slots & capturing >> HELLO_SHIFT &&
	       pkt->key.proto == IPPROTO_TCP && !head->offset;
}

/* Fills in the head of a packet, and returns the captures that want it. */
__noinline int capture_head(struct packet *pkt, __u32 verdict)
{
	struct captured *to = captured_get();
	__u32 slots;

	if (!pkt || !to)
		return 0;
	to->first = pkt->captured == CAPTURED_FIRST;
	to->payload = to->offset = 0;
	slots = to->first ? capture_first(pkt, to) : capture_known(pkt, to);
	if (slots & capturing >> HELLO_SHIFT)
		slots = capture_hello(pkt, slots, verdict);
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
	if (capture_looks(pkt, head, slots))
		slots = capture_stream(pkt, slots,
				       xdp_byte(ctx, head->payload));
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
	if (capture_looks(pkt, head, slots))
		slots = capture_stream(pkt, slots, tc_byte(ctx, head->payload));
#pragma clang loop unroll(disable)
	for (slot = 0; slot < MAX_CAPTURES; slot++)
		if (slots & 1 << slot)
			tc_capture_copy(ctx, slot, length);
	return 0;
}
