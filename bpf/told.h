/* SPDX-License-Identifier: GPL-2.0 */
/* What a partner tells of a flow that is known here (inherit.h). It may have told that
 * before it knew what is known here, so a flow never goes back by it: its counters grow,
 * and a connection that closes does not open again. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flags.h"
#include "flow.h"
#include "inherit_args.h"
#include "tcp_window.h"
#include "timeout.h"

#define TOLD_GROWS(to, from)                                                   \
	do {                                                                   \
		if ((from) > (to))                                             \
			(to) = (from);                                         \
	} while (0)

/* Gives a direction the numbers that the partner has of it. Those of a SYN and of a FIN
 * that were sent are the same as ever, also where the partner does not know the FIN. */
static __always_inline void told_numbers(struct flow_dir *dir,
					 const struct flow_dir *numbers,
					 __u64 control, __u64 told, __u32 d)
{
	__u32 syn_seq = dir->syn_seq, fin_end = dir->fin_end;

	*dir = *numbers;
	dir->pending_end = 0;
	dir->pending_wscale = 0;
	if (has_flag(control, FLOW_SYN_SENT, d))
		dir->syn_seq = syn_seq;
	if (has_flag(control, FLOW_FIN_SENT, d) &&
	    !has_flag(told, FLOW_FIN_SENT, d))
		dir->fin_end = fin_end;
}

/* What a direction was told, where there is something. */
static __always_inline void told_direction(struct flow *flow,
					   const struct inherit_dir *from,
					   __u64 control, __u64 told, __u64 now,
					   __u32 d)
{
	__u64 seen = from->idle_ticks < now ? now - from->idle_ticks : 0;
	struct flow_traffic *traffic = flow_traffic(flow, d);

	if (!from->packets)
		return;
	if (seen > traffic->last_seen_ticks ||
	    (seen == traffic->last_seen_ticks &&
	     from->packets >= traffic->packets)) {
		told_numbers(&flow->dir[d], &from->numbers, control, told, d);
		traffic->last_seen_ticks = seen;
	}
	TOLD_GROWS(traffic->packets, from->packets);
	TOLD_GROWS(traffic->bytes, from->bytes);
	TOLD_GROWS(traffic->rtt_us, from->rtt_us);
	TOLD_GROWS(traffic->retransmits, from->retransmits);
	TOLD_GROWS(traffic->reordered, from->reordered);
	/* So its next packet by the fast path is taken for its first (plain_track.h). */
	traffic->cpu = 0;
}

static __always_inline void told_both(struct flow *flow,
				      const struct inherit_args *args,
				      __u64 control, __u64 told, __u64 now)
{
	told_direction(flow, &args->dir[ORIGIN], control, told, now, ORIGIN);
	told_direction(flow, &args->dir[REPLY], control, told, now, REPLY);
}

/* Whether the partner heard data beyond a FIN that is known here: that was forged. */
static __always_inline bool told_beyond_fin(const struct flow_dir *dir,
					    const struct flow_dir *numbers,
					    __u64 control, __u64 told, __u32 d)
{
	return has_flag(control, FLOW_FIN_SENT, d) &&
	       !has_flag(told, FLOW_FIN_SENT, d) &&
	       seq_after(numbers->end, dir->fin_end);
}

/* What the ends of a connection are known by. */
#define TOLD_ENDS                                                              \
	(3 * (__u64)FLOW_FIN_SENT | 3 * (__u64)FLOW_FIN_ACKED |                \
	 FLOW_FIN_REPLY_FIRST)

/* The state of a connection with FINs of both directions, where one of them was known before
 * the other one was. As in tcp_step_fin() it matters whether that was acknowledged. */
static __always_inline enum flow_state told_last(enum flow_state known,
						 enum flow_state told)
{
	return known == STATE_FIN_WAIT_2 || told == STATE_FIN_WAIT_2 ||
			       known == STATE_TIME_WAIT ||
			       told == STATE_TIME_WAIT ?
		       STATE_TIME_WAIT :
		       STATE_LAST_ACK;
}

/* What is told of a connection, and which FINs are known here. */
static __always_inline __u64 told_onward(const struct flow *flow,
					 const struct inherit_args *args,
					 __u64 control, __u64 told)
{
	enum flow_state known = control_state(control);
	enum flow_state state = control_state(told);
	const __u64 both = flags_of(FLOW_FIN_SENT);

	if (flow->key.proto != IPPROTO_TCP || known <= STATE_ESTABLISHED ||
	    told_beyond_fin(&flow->dir[ORIGIN], &args->dir[ORIGIN].numbers,
			    control, told, ORIGIN) ||
	    told_beyond_fin(&flow->dir[REPLY], &args->dir[REPLY].numbers,
			    control, told, REPLY))
		return told;
	told |= control & TOLD_ENDS;
	if ((told & both) == both)
		state = told_last(known, state);
	else if (known > state)
		state = known;
	return control_with_state(told, state);
}

/* The longest timeout that a flow may get by its state. */
static __always_inline __u32 told_longest(__u8 proto)
{
	__u32 longest = 0, state, name;

	for (state = STATE_NEW; state <= STATE_TIME_WAIT; state++) {
		name = flow_timeout(proto, state);
		if (name < NUM_TIMEOUTS)
			TOLD_GROWS(longest, config.timeout_ticks[name]);
	}
	return longest;
}

/* The timeout that an operator gave the flow at the partner. One that came by here is not
 * forgotten sooner for that. */
static __always_inline void told_timeout(struct flow *flow, __u32 ticks,
					 bool heard)
{
	__u32 least = 0;

	if (heard)
		least = flow->timeout_ticks ?: told_longest(flow->key.proto);
	if (ticks > least)
		flow->timeout_ticks = ticks;
}

/* The flags of TCP whose numbers are nobody's until the next packet of each direction.
 * Whatever the state is said to be, a segment that is no SYN picks its direction up. */
static __always_inline __u64 inherit_unseen(__u64 control)
{
	control &= ~flags_of(FLOW_SEEN);
	control |= FLOW_MIDSTREAM;
	if (control_state(control) >= STATE_ESTABLISHED)
		control |= flags_of(FLOW_SYN_ACKED);
	return control;
}

/* Where a packet has made the flow this tracker's own while numbers of the partner were
 * written, both directions begin again with their next packets. */
static __always_inline void inherit_mend(struct flow *flow, __u32 tag)
{
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 8; i++) {
		__u64 control = READ_ONCE(flow->control);

		if (control_tag(control) != tag || control & FLOW_INHERITED ||
		    control_state(control) < STATE_ESTABLISHED ||
		    flow->key.proto != IPPROTO_TCP ||
		    control_swap(flow, control, inherit_unseen(control)))
			return;
	}
}
