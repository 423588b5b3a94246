/* SPDX-License-Identifier: GPL-2.0 */
/* The table of flows: who is in it, who stays, the one way in and the one way out.
 *
 * Functions that are not static are looked at by the verifier once, with
 * nothing known of their arguments, instead of once for every way to them. */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "bucket.h"
#include "clock.h"
#include "event.h"
#include "flow.h"
#include "nursery.h"
#include "octets.h"
#include "opening.h"
#include "place.h"
#include "stats.h"

/* A number that no other flow of this machine has had (up to 2^48 on each of
 * 65,536 CPUs), spread over all 64 bits: the finaliser of splitmix64 maps one
 * to one. Never zero. */
static __always_inline __u64 new_flow_id(const struct cpu_stats *stats)
{
	__u64 id = stats->created | (__u64)bpf_get_smp_processor_id() << 48;

	id += id_seed;
	id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9ULL;
	id = (id ^ id >> 27) * 0x94d049bb133111ebULL;
	id ^= id >> 31;
	return id ? id : 1;
}

/* How many flows may be kept: set at load, so that some room is left for new ones. */
volatile const __u64 kept_limit = ~0ULL;

/* Gives the flow's place back, if flags have one. */
static __always_inline void flow_release(__u64 flags)
{
	struct filling *filling = filling_get();

	if (filling && flags & FLOW_KEPT)
		__sync_fetch_and_add(&filling->kept, -1);
}

/* Takes a place for a flow that is kept, as a flag; zero where there is none. */
static __always_inline __u64 flow_keep(void)
{
	struct filling *filling = filling_get();

	if (!filling || READ_ONCE(filling->kept) >= kept_limit)
		return 0;
	if (__sync_fetch_and_add(&filling->kept, 1) < kept_limit)
		return FLOW_KEPT;
	__sync_fetch_and_add(&filling->kept, -1);
	return 0;
}

/* Writes the key of a flow into a place. NULL where there is none. */
static __always_inline struct flow *flow_new(const struct flow_key *key,
					     __u32 number)
{
	struct flow *flow = flow_numbered(number);

	if (!flow)
		return NULL;
	/* Whoever still has the flow that was here sees that it has ended. */
	WRITE_ONCE(flow->control, 0);
	flow->slot = (__u64)(number - 1) << 32;
	flow->key = *key;
	flow->link = 0;
	flow->reset = 0;
	flow->captures = 0;
	flow->timeout_ticks = 0;
	__builtin_memset(flow->dir, 0, sizeof(flow->dir));
	__builtin_memset(&flow->origin, 0, sizeof(flow->origin));
	__builtin_memset(&flow->reply, 0, sizeof(flow->reply));
	if (exact_octets)
		octets_begin(flow);
	return flow;
}

/* Enters a flow of that key that is written but for its control. Its first packet's
 * direction is origin, unless flags say that the key is to be read the other way round.
 * Returns what flow_enter() does. */
static __always_inline int flow_create(const struct flow_key *key,
				       struct flow *flow, __u32 flags)
{
	struct cpu_stats *stats = stats_get();
	__u64 control, id, time_ns;
	int err;

	if (!stats)
		return -EINVAL;
	flow->id = new_flow_id(stats);
	flow->created_ns = clock_ns();
	err = flow_enter(flow);
	if (err) {
		if (err == -EBUSY)
			stats->table_busy++;
		flow_release(flags);
		place_give(flow);
		return err;
	}
	/* Once control is written the place may be given to another flow. */
	id = READ_ONCE(flow->id);
	time_ns = READ_ONCE(flow->created_ns);
	control = id << CONTROL_TAG_SHIFT | flags;
	WRITE_ONCE(flow->control, control);
	stats->created++;
	if (!(flags & FLOW_KEPT))
		nursery_add(flow, control);
	event_emit_new(key, flow, id, time_ns, flags, stats);
	return 0;
}

/* The same where it is rare, once in a program. */
__noinline int flow_create_rare(const struct flow_key *key, struct flow *flow,
				__u32 flags)
{
	return key && flow ? flow_create(key, flow, flags) : -EINVAL;
}

/* Ends a flow: every destroy comes by here. The caller has seen control and
 * decided by it; if it changed meanwhile nothing is done and the result is 0.
 *
 * Whoever changes control to STATE_NONE is alone in giving the place away, and until
 * then nobody else gets it. */
__noinline int flow_destroy(struct flow *flow, __u64 control, __u32 cause)
{
	struct cpu_stats *stats = stats_get();
	__u32 reason;

	if (!flow || !stats)
		return 0;
	/* A RST by an end that an operator had reset. */
	if (flow->reset && cause_reason(cause) == REASON_RST)
		cause += REASON_RESET - REASON_RST;
	reason = cause_reason(cause);
	if (!control_swap(flow, control,
			  control_with_state(control, STATE_NONE)))
		return 0;
	if (control & FLOW_KEPT)
		flow_release(control);
	else
		nursery_strike(flow, control);
	event_emit(&flow->key, flow, flow_id(flow), control, STATE_NONE, cause);
	if (reason < NUM_REASONS)
		__sync_fetch_and_add(&stats->destroyed[reason], 1);
	if (reason == REASON_EVICTED && cause_lane(cause) == LANE_PACKET)
		opening_remember(&flow->key, flow, control);
	if (reason == REASON_EXPIRED)
		opening_outlive(&flow->key, flow, control);
	flow_leave(flow);
	place_give(flow);
	return 1;
}

/* The flow of a key and its control, NULL where there is none. Its place may be given
 * to another flow at any moment, so the key is compared after control was read: then
 * an exchange of that control is one of this flow's. */
static __always_inline struct flow *flow_living(const struct flow_key *key,
						__u64 *control)
{
	struct flow *flow = flow_find(key);

	if (!flow)
		return NULL;
	*control = READ_ONCE(flow->control);
	flow = flow_after(flow, *control);
	if (control_state(*control) == STATE_NONE ||
	    !flow_has_key(flow, (const __u64 *)key))
		return NULL;
	return flow;
}

/* Marks a flow as kept, from one control to the other. Reports whether it did. */
static __always_inline bool flow_keep_as(struct flow *flow, __u64 from,
					 __u64 to)
{
	if (!control_swap(flow, from, to))
		return false;
	if (to & FLOW_KEPT && !(from & FLOW_KEPT))
		nursery_strike(flow, from);
	return true;
}
