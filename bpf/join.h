/* SPDX-License-Identifier: GPL-2.0 */
/* A connection of which either tracker of a pair hears one direction: each adds what the
 * other one hears, so that the flow is whole on both.
 *
 * Only of a direction that was not seen here anything is believed. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "ended.h"
#include "event.h"
#include "flags.h"
#include "flow.h"
#include "inherit_args.h"
#include "nursery.h"
#include "stats.h"
#include "table.h"
#include "tcp_window.h"
#include "timeout.h"
#include "told.h"

/* A direction that the partner hears and this tracker does not. */
static __always_inline void join_count(struct flow_traffic *traffic,
				       const struct inherit_dir *from,
				       __u64 margin, __u64 now)
{
	__u64 seen = from->idle_ticks < now ? now - from->idle_ticks : 0;

	if (!from->packets || seen <= traffic->last_seen_ticks + margin)
		return;
	traffic->last_seen_ticks = seen;
	if (from->packets > traffic->packets)
		traffic->packets = from->packets;
	if (from->bytes > traffic->bytes)
		traffic->bytes = from->bytes;
}

/* Gives a flow the id that it has at the partner: one flow ends, and another one begins in the
 * same place. Meanwhile it is one that is being made. Reports whether it did, and
 * changes control to the new one. */
static __always_inline bool join_rename(const struct inherit_args *args,
					const struct flow_key *key,
					struct flow *flow, __u64 *changed)
{
	__u64 control = *changed;
	__u64 renamed = (__u32)control | inherit_id(args) << CONTROL_TAG_SHIFT;
	struct cpu_stats *stats = stats_get();
	__u64 id = flow_id(flow);

	if (!stats || !control_swap(flow, control, 0))
		return false;
	if (!(control & FLOW_KEPT))
		nursery_strike(flow, control);
	event_emit(key, flow, id, control, STATE_NONE,
		   request_cause(REASON_REUSED));
	WRITE_ONCE(flow->id, inherit_id(args));
	__sync_fetch_and_add(&stats->destroyed[REASON_REUSED], 1);
	__sync_fetch_and_add(&stats->created, 1);
	/* An exchange: whoever sees it sees the id. */
	control_swap(flow, 0, renamed);
	if (!(control & FLOW_KEPT))
		nursery_add(flow, renamed);
	event_emit(key, flow, inherit_id(args), 0, renamed, request_cause(REASON_NONE));
	*changed = READ_ONCE(flow->control);
	return control_tag(*changed) == (__u32)inherit_id(args);
}

/* Adds what the partner hears of a direction, and this tracker does not: its numbers, and
 * which of some flags it has. Reports whether it is such a direction. */
static __always_inline bool join_direction(struct flow *flow, __u64 *control,
					   const struct flow_dir *numbers,
					   __u64 told, __u64 flags, __u32 d)
{
	__u64 fin = flag_of(FLOW_FIN_SENT, d) | flag_of(FLOW_FIN_ACKED, d);

	if (has_flag(*control, FLOW_SEEN, d) || !has_flag(told, FLOW_SEEN, d))
		return false;
	if (told_beyond_fin(&flow->dir[d], numbers, *control, told, d))
		*control &= ~fin;
	told_numbers(&flow->dir[d], numbers, *control & fin, told, d);
	*control |= told & flags;
	return true;
}

/* Whether the FIN of a direction was sent and acknowledged. */
static __always_inline bool join_closed(const struct flow *flow, __u64 control,
					__u32 d)
{
	return has_flag(control, FLOW_FIN_SENT, d) &&
	       !seq_before(flow->dir[!d].acked, flow->dir[d].fin_end);
}

/* The state of a connection of which both directions are heard by one or the other. */
static __always_inline __u64 join_state(const struct flow *flow, __u64 control,
					__u64 told)
{
	bool origin = has_flag(control, FLOW_FIN_SENT, ORIGIN);
	bool reply = has_flag(control, FLOW_FIN_SENT, REPLY);
	enum flow_state state = STATE_ESTABLISHED;

	control |= FLOW_MIDSTREAM | flags_of(FLOW_SYN_ACKED);
	if (join_closed(flow, control, ORIGIN))
		control |= flag_of(FLOW_FIN_ACKED, ORIGIN);
	if (join_closed(flow, control, REPLY))
		control |= flag_of(FLOW_FIN_ACKED, REPLY);
	if (origin && reply)
		state = told_last(control_state(control), control_state(told));
	else if (origin || reply)
		state = control & flags_of(FLOW_FIN_ACKED) ? STATE_FIN_WAIT_2 :
							     STATE_FIN_WAIT_1;
	return control_with_state(control, state);
}

/* Adds the answer to a SYN that was heard here. The next ACK that is heard here completes the
 * handshake: until then the flow is half-open, as everywhere. */
static __always_inline __u64 join_answered(struct flow *flow, __u64 control,
					   const struct flow_dir *reply,
					   __u64 told)
{
	if (has_flag(control, FLOW_SYN_SENT, REPLY) ||
	    !has_flag(told, FLOW_SYN_SENT, REPLY) ||
	    !join_direction(flow, &control, reply, told,
			    flag_of(FLOW_SYN_SENT, REPLY), REPLY))
		return control;
	control |= flag_of(FLOW_SYN_ACKED, ORIGIN);
	return control_with_state(control, STATE_SYN_RECV);
}

/* How far what this tracker heard acknowledged may be beyond what the partner had heard when
 * it told that. */
#define JOIN_LAG (1U << 26)

/* Whether both ends have taken part in a handshake of which each tracker heard one: what one
 * of them heard of the origin acknowledges the answer, or the partner says that it is over. */
static __always_inline bool join_opened(__u64 control, __u64 told,
					const struct flow_dir *origin,
					const struct flow_dir *reply)
{
	if (control_state(control) >= STATE_ESTABLISHED ||
	    control_state(told) >= STATE_ESTABLISHED)
		return true;
	return (control_state(control) == STATE_NEW ||
		control_state(told) == STATE_NEW) &&
	       origin->acked - reply->syn_seq <=
		       reply->end - reply->syn_seq + JOIN_LAG;
}

/* Remembers a connection that has ended by the word of the partner, as one that ended with a
 * segment. Of the last segments of the other direction nothing may have been told. */
static __always_inline void join_remember(struct flow *flow, __u64 control)
{
	struct flow_dir *origin = &flow->dir[ORIGIN];
	struct flow_dir *reply = &flow->dir[REPLY];

	if (flow->key.proto != IPPROTO_TCP)
		return;
	if (has_flag(control, FLOW_SEEN, ORIGIN))
		seq_raise(&reply->end, origin->acked, false);
	if (has_flag(control, FLOW_SEEN, REPLY))
		seq_raise(&origin->end, reply->acked, false);
	ended_remember(&flow->key, flow, ORIGIN, !!(control & FLOW_REVERSED),
		       clock_ticks());
}

/* Ends a connection whose FINs are acknowledged, or takes over its new flags and state. One
 * whose both directions ever came by here does not end by the word of a partner. */
static __always_inline int join_advance(const struct flow_key *key,
					struct flow *flow, __u64 control,
					__u64 to)
{
	const __u64 acked = flags_of(FLOW_FIN_ACKED), id = flow_id(flow);
	bool closed = (to & acked) == acked &&
		      control_state(to) == STATE_LAST_ACK;

	if (closed && flow_heard_here(flow) != 3) {
		join_remember(flow, control);
		flow_destroy(flow, control, request_cause(REASON_CLOSED));
		return INHERIT_IS_OWN;
	}
	if (closed)
		to = control_with_state(to, STATE_TIME_WAIT);
	if (!control_swap(flow, control, to)) {
		inherit_mend(flow, control_tag(control));
		return INHERIT_BUSY;
	}
	if (control_state(to) != control_state(control))
		event_emit(key, flow, id, control, to,
			   request_cause(REASON_NONE));
	return INHERIT_IS_OWN;
}

/* What a partner may say of a direction that it hears. */
#define JOIN_FLAGS(d) (flag_of(FLOW_SYN_SENT, d) | flag_of(FLOW_FIN_SENT, d))

/* Adds to an own flow of TCP what the partner hears of it. */
static __always_inline int join_tcp(const struct inherit_args *args,
				    const struct flow_key *key,
				    struct flow *flow, __u64 control)
{
	/* The verifier wants each field of the arguments at a place of its own. */
	struct flow_dir origin = args->dir[ORIGIN].numbers;
	struct flow_dir reply = args->dir[REPLY].numbers;
	__u64 to = control, told = args->control;

	asm volatile("" : : "r"(&origin), "r"(&reply) : "memory");
	/* One of which no direction was heard since it moved is no half. */
	if ((told ^ control) & FLOW_REVERSED ||
	    !(control & flags_of(FLOW_SEEN)))
		return INHERIT_IS_OWN;
	if (control_state(control) != STATE_NEW &&
	    control_state(control) < STATE_ESTABLISHED &&
	    !has_flag(control, FLOW_SEEN, REPLY)) {
		to = join_answered(flow, control, &reply, told);
	} else {
		bool here = has_flag(control, FLOW_SEEN, ORIGIN);

		if (!join_opened(control, told,
				 here ? &flow->dir[ORIGIN] : &origin,
				 here ? &reply : &flow->dir[REPLY]) ||
		    (!join_direction(flow, &to, &origin, told, JOIN_FLAGS(ORIGIN),
				     ORIGIN) &&
		     !join_direction(flow, &to, &reply, told, JOIN_FLAGS(REPLY),
				     REPLY)))
			return INHERIT_IS_OWN;
		to = join_state(flow, to, told);
	}
	return to == control ? INHERIT_IS_OWN : join_advance(key, flow, control, to);
}

/* Whether a direction of a connection goes on at the partner, which heard it later. */
static __always_inline bool join_has_parted(const struct flow_traffic *traffic,
					    const struct inherit_dir *from,
					    __u64 control, __u64 told,
					    __u64 margin, __u64 now, __u32 d)
{
	return from->packets && has_flag(control, FLOW_SEEN, d) &&
	       has_flag(told, FLOW_SEEN, d) &&
	       from->idle_ticks + margin <
		       ticks_since(traffic->last_seen_ticks, now);
}

/* A connection whose both directions were heard here parts: the numbers of one are those of
 * the partner from now on. It is marked before anything is written. Returns its control, 0
 * where packets were faster. */
static __always_inline __u64 join_part(const struct inherit_args *args,
				       struct flow *flow, __u64 control,
				       __u64 now)
{
	__u64 told = args->control, margin = args->margin_ticks, to = control;

	if (!flow_seen_both(control) || control & FLOW_INHERITED ||
	    control_state(control) < STATE_ESTABLISHED ||
	    control_state(told) < STATE_ESTABLISHED ||
	    (told ^ control) & FLOW_REVERSED)
		return control;
	if (join_has_parted(&flow->origin, &args->dir[ORIGIN], control, told,
			    margin, now, ORIGIN))
		to &= ~flag_of(FLOW_SEEN, ORIGIN);
	else if (join_has_parted(&flow->reply, &args->dir[REPLY], control, told,
				 margin, now, REPLY))
		to &= ~flag_of(FLOW_SEEN, REPLY);
	if (to == control)
		return control;
	to |= FLOW_MIDSTREAM | flags_of(FLOW_SYN_ACKED);
	return control_swap(flow, control, to) ? to : 0;
}

/* Adds to an own flow without a handshake that the partner has heard its answer. */
static __always_inline int join_answer(const struct inherit_args *args,
				       const struct flow_key *key,
				       struct flow *flow, __u64 control)
{
	__u64 to = control_with_state(control, STATE_ESTABLISHED) |
		   flags_of(FLOW_SEEN);
	__u64 id = flow_id(flow);

	if (control_state(control) != STATE_NEW ||
	    control_state(args->control) != STATE_ESTABLISHED ||
	    !args->dir[REPLY].packets)
		return INHERIT_IS_OWN;
	if (!(control & FLOW_KEPT))
		to |= flow_keep();
	if (flow_keep_as(flow, control, to))
		event_emit(key, flow, id, control, to,
			   request_cause(REASON_NONE));
	else
		flow_release(to & ~control);
	return INHERIT_IS_OWN;
}

/* The partner has a flow that this tracker has heard as late. One that began here by its
 * answer takes the id of the other half. */
static __always_inline int inherit_join(const struct inherit_args *args,
					const struct flow_key *key,
					struct flow *flow, __u64 control,
					__u64 now)
{
	if (flow_id(flow) != inherit_id(args)) {
		/* Only of one that began so nothing of the origin is known. */
		if (flow->origin.packets ||
		    has_flag(control, FLOW_SEEN, ORIGIN) ||
		    !has_flag(args->control, FLOW_SEEN, ORIGIN))
			return INHERIT_OTHER;
		if (!join_rename(args, key, flow, &control))
			return INHERIT_BUSY;
	}
	if (flow->key.proto == IPPROTO_TCP) {
		control = join_part(args, flow, control, now);
		if (!control)
			return INHERIT_BUSY;
	}
	told_timeout(flow, args->timeout_ticks, true);
	join_count(&flow->origin, &args->dir[ORIGIN], args->margin_ticks, now);
	join_count(&flow->reply, &args->dir[REPLY], args->margin_ticks, now);
	if (control & FLOW_INHERITED || control_state(control) == STATE_NONE)
		return INHERIT_IS_OWN;
	return flow->key.proto == IPPROTO_TCP ?
		       join_tcp(args, key, flow, control) :
		       join_answer(args, key, flow, control);
}
