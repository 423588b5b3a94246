/* SPDX-License-Identifier: GPL-2.0 */
/* Flows of the other tracker of a pair (docs/decisions/0013).
 *
 * User space enters them under the id that they have there, marked FLOW_INHERITED. None
 * takes the fast path. The first packet that comes by here makes such a flow this
 * tracker's own (adopt.h). From then on its numbers are those of packets, whatever the
 * partner said: both directions begin with their next packet, as in a flow that is
 * picked up midstream. So a partner cannot make this tracker drop what it should not.
 *
 * Own flows stay as they are. Only one that fell silent here while the partner hears it
 * is marked as inherited, too. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "ended.h"
#include "event.h"
#include "flags.h"
#include "flow.h"
#include "inherit_args.h"
#include "inherit_new.h"
#include "join.h"
#include "moved.h"
#include "stats.h"
#include "table.h"
#include "timeout.h"
#include "told.h"
#include "unite.h"

/* What a partner may say of a flow. On which side its ends are, and what waits for an
 * answer, packets that come by here tell. */
#define INHERIT_FLAGS                                                          \
	(FLOW_REVERSED | FLOW_MIDSTREAM | 3 * (__u64)FLOW_SYN_SENT |           \
	 3 * (__u64)FLOW_SYN_ACKED | 3 * (__u64)FLOW_SEEN | TOLD_ENDS)

/* State and flags as the table keeps them, zero where no flow has those. */
static __always_inline __u64 inherit_control(const struct inherit_args *args)
{
	__u64 control = args->control & (CONTROL_STATE | INHERIT_FLAGS);
	enum flow_state state = control_state(control);

	if (state == STATE_NONE || state > STATE_TIME_WAIT)
		return 0;
	if (args->key.proto == IPPROTO_TCP)
		return FLOW_INHERITED | inherit_unseen(control);
	if (state != STATE_NEW && state != STATE_ESTABLISHED)
		return 0;
	return FLOW_INHERITED |
	       (control & (CONTROL_STATE | FLOW_REVERSED)) |
	       (state == STATE_NEW ? FLOW_SEEN : flags_of(FLOW_SEEN));
}

/* Whether an inherited flow was ever this tracker's own. */
static __always_inline bool inherit_was_own(const struct flow *flow,
					    __u64 control)
{
	return control & FLOW_KEPT ||
	       (flow->key.proto == IPPROTO_TCP && flow_heard_here(flow));
}

/* Brings an inherited flow up to date. */
static __always_inline int inherit_update(const struct inherit_args *args,
					  const struct flow_key *key,
					  struct flow *flow, __u64 control,
					  __u64 told, __u64 now)
{
	__u64 id = flow_id(flow);
	__u64 to = (control & ~(CONTROL_STATE | INHERIT_FLAGS)) |
		   told_onward(flow, args, control, told) |
		   (control & flags_of(FLOW_SYN_SENT));

	told_both(flow, args, control, told, now);
	told_timeout(flow, args->timeout_ticks, inherit_was_own(flow, control));
	if (!control_swap(flow, control, to)) {
		inherit_mend(flow, inherit_id(args));
		return INHERIT_BUSY;
	}
	if (control_state(control) != control_state(to))
		event_emit(key, flow, id, control, to,
			   request_cause(REASON_NONE));
	return INHERIT_DONE;
}

/* Lets a flow of TCP that has ended elsewhere end soon here, unless packets come. It is
 * this tracker's own then. */
static __always_inline void inherit_leave(struct flow *flow, __u64 control)
{
	if (flow->key.proto == IPPROTO_TCP)
		control_swap(flow, control,
			     (control & ~(__u64)FLOW_INHERITED) |
				     flags_of(FLOW_ENDED_OUTSIDE));
}

/* The partner has a flow that is this tracker's own. */
static __always_inline int inherit_own(struct inherit_args *args,
				       const struct flow_key *key,
				       struct flow *flow, __u64 control,
				       __u64 told, __u64 now)
{
	__u64 idle = flow_idle_ticks(flow, now), to;

	bool same = flow_id(flow) == inherit_id(args);

	if (!same && flow->key.proto != IPPROTO_TCP)
		return inherit_unite(args, key, flow, control, told, now);
	if (!same && unite_is_same(args, flow, control)) {
		if (!unite_is_theirs(args, flow, control))
			return INHERIT_IS_OWN;
		if (!join_rename(args, key, flow, &control))
			return INHERIT_BUSY;
		same = true;
	}
	if (inherit_idle(args) + args->margin_ticks >= idle &&
	    !(same && inherit_later(args, flow, now))) {
		if (same && inherit_earlier(args, flow, control, now))
			return INHERIT_IS_BACK;
		return inherit_join(args, key, flow, control, now);
	}
	/* It ended there, and another one has its tuple. Packets of that one may come by here, so
	 * they are not judged by the numbers of this one. */
	if (!same) {
		to = flow->key.proto == IPPROTO_TCP &&
				     control_state(control) >=
					     STATE_ESTABLISHED ?
			     inherit_unseen(control) :
			     control;
		if (!control_swap(flow, control, to))
			return INHERIT_BUSY;
		inherit_leave(flow, to);
		return INHERIT_OTHER;
	}
	/* Which end began it is known here. */
	if ((told ^ control) & FLOW_REVERSED)
		return INHERIT_OTHER;
	/* The numbers of a handshake are believed: they are those that came by here. */
	if (flow->key.proto == IPPROTO_TCP &&
	    control_state(told) < STATE_ESTABLISHED)
		return inherit_join(args, key, flow, control, now);
	/* It moved there. It is marked before anything is written. */
	to = control | FLOW_INHERITED;
	if (flow->key.proto == IPPROTO_TCP &&
	    control_state(control) != STATE_NEW)
		to = inherit_unseen(to);
	if (!control_swap(flow, control, to))
		return INHERIT_BUSY;
	return inherit_update(args, key, flow, to, told, now);
}

/* Whether a flow was answered, and is said not to be. It is the same one, so the word is
 * old, or a lie: such a flow lives for less long. */
static __always_inline bool inherit_goes_back(__u64 control, __u64 told)
{
	return control_state(control) >= STATE_ESTABLISHED &&
	       control_state(told) < STATE_ESTABLISHED;
}

static __always_inline int inherit_enter(struct inherit_args *args,
					 const struct flow_key *key)
{
	__u64 told = inherit_control(args), now = clock_ticks(), control;
	struct flow *flow;

	if (!told || !inherit_id(args))
		return INHERIT_REFUSED;
	flow = flow_living(key, &control);
	if (!flow)
		return inherit_create(args, key, told, now);
	if (flow_id(flow) == inherit_id(args) && inherit_goes_back(control, told))
		return INHERIT_IS_OWN;
	if (!(control & FLOW_INHERITED))
		return inherit_own(args, key, flow, control, told, now);
	if (flow_id(flow) == inherit_id(args))
		return inherit_update(args, key, flow, control, told, now);
	/* The tuple was used again. */
	if (inherit_was_own(flow, control)) {
		inherit_leave(flow, control);
		return INHERIT_OTHER;
	}
	if (!flow_destroy(flow, control, request_cause(REASON_REUSED)))
		return INHERIT_BUSY;
	return inherit_create(args, key, told, now);
}

/* The directions that came by here and have sent a FIN here, as bits. */
static __always_inline __u32 inherit_closing(__u64 control)
{
	return control / FLOW_FIN_SENT & control / FLOW_SEEN & 3;
}

/* Whether a flow stays although the partner says that it has ended: an own one, or one that
 * was. Of a connection that only both hear together either knows the end, once an end was
 * heard here. Whatever is said of one whose both directions ever came by here, it is none. */
static __always_inline bool inherit_stays(const struct flow *flow, __u64 control)
{
	if (flow->key.proto != IPPROTO_TCP)
		return !(control & FLOW_INHERITED);
	if (control & FLOW_INHERITED)
		return inherit_was_own(flow, control);
	return flow_seen_both(control) || flow_heard_here(flow) == 3 ||
	       !inherit_closing(control);
}

/* The partner has heard the end of a connection of which this tracker, which once heard
 * both directions, heard a FIN: it waits. A packet of the other direction takes that back
 * (tcp_midstream.h). Reports whether it is one. */
static __always_inline bool inherit_wait(const struct flow_key *key,
					 struct flow *flow, __u64 control)
{
	__u32 closing = inherit_closing(control), d = closing == 1;
	__u64 to = control_with_state(control, STATE_TIME_WAIT) |
		   flags_of(FLOW_FIN_SENT) | flags_of(FLOW_FIN_ACKED) |
		   flags_of(FLOW_ENDED_OUTSIDE);
	struct flow_dir *other = &flow->dir[d];
	__u64 id = flow_id(flow);

	if (control & FLOW_INHERITED || flow_seen_both(control) || !closing)
		return false;
	if (!has_flag(control, FLOW_FIN_SENT, d)) {
		seq_raise(&other->end, flow->dir[!d].acked, false);
		other->fin_end = other->end;
	}
	if (control_swap(flow, control, to) &&
	    control_state(control) != STATE_TIME_WAIT)
		event_emit(key, flow, id, control, to,
			   request_cause(REASON_NONE));
	return true;
}

/* The flow that the partner names. NULL where there is none, with the result. */
static __always_inline struct flow *inherit_named(const struct inherit_args *args,
						  const struct flow_key *key,
						  __u64 *control, int *result)
{
	struct flow *flow = flow_living(key, control);

	*result = INHERIT_NONE;
	if (flow && flow_id(flow) != inherit_id(args)) {
		*result = INHERIT_OTHER;
		return NULL;
	}
	return flow;
}

/* The partner's flow has ended. A flow that was ever kept is one that this tracker heard:
 * it is not cut. */
static __always_inline int inherit_end(const struct inherit_args *args,
				       const struct flow_key *key)
{
	enum reason reason = args->reason;
	struct flow *flow;
	__u64 control;
	int result;

	flow = inherit_named(args, key, &control, &result);
	if (!flow)
		return result;
	if (inherit_stays(flow, control)) {
		if (flow->key.proto != IPPROTO_TCP || reason != REASON_CLOSED ||
		    !inherit_wait(key, flow, control))
			inherit_leave(flow, control);
		return INHERIT_IS_OWN;
	}
	if (reason == REASON_NONE || reason >= NUM_REASONS)
		reason = REASON_DELETED;
	if (reason == REASON_DELETED)
		ended_forget(key);
	else if (!(control & FLOW_INHERITED))
		join_remember(flow, control);
	return flow_destroy(flow, control, request_cause(reason)) ?
		       INHERIT_DONE :
		       INHERIT_BUSY;
}

/* Changes an inherited flow's control to that of an own one. It is kept if it was
 * answered and there is room. Reports whether it did. */
static __always_inline bool flow_own(struct flow *flow, __u64 control, __u64 own)
{
	__u64 keep = 0;

	if (control_state(own) >= STATE_ESTABLISHED && !(own & FLOW_KEPT))
		keep = flow_keep();
	if (flow_keep_as(flow, control, own | keep))
		return true;
	flow_release(keep);
	return false;
}

/* Makes an inherited flow this tracker's own. */
static __always_inline int inherit_claim(const struct inherit_args *args,
					 const struct flow_key *key)
{
	struct flow *flow;
	__u64 control;
	int result;

	flow = inherit_named(args, key, &control, &result);
	if (!flow)
		return result;
	if (!(control & FLOW_INHERITED))
		return INHERIT_IS_OWN;
	return flow_own(flow, control, control & ~(__u64)FLOW_INHERITED) ?
		       INHERIT_DONE :
		       INHERIT_BUSY;
}

static __always_inline void inherit_read_dir(struct inherit_dir *to,
					     const struct flow_traffic *traffic,
					     const struct flow_dir *dir,
					     __u64 now)
{
	to->packets = traffic->packets;
	to->bytes = traffic->bytes;
	to->idle_ticks = ticks_since(traffic->last_seen_ticks, now);
	to->numbers = *dir;
	to->rtt_us = traffic->rtt_us;
	to->retransmits = traffic->retransmits;
	to->reordered = traffic->reordered;
}

/* Copies the flow of a key. One that has been recycled meanwhile is none. */
static __always_inline int inherit_read(struct inherit_args *args,
					const struct flow_key *key)
{
	__u64 now = clock_ticks(), now_ns = clock_ns(), control;
	struct flow *flow = flow_living(key, &control);

	if (!flow)
		return INHERIT_NONE;
	args->id = flow_id(flow);
	args->age_ns = now_ns > flow->created_ns ? now_ns - flow->created_ns : 0;
	inherit_read_dir(&args->dir[ORIGIN], &flow->origin, &flow->dir[ORIGIN], now);
	inherit_read_dir(&args->dir[REPLY], &flow->reply, &flow->dir[REPLY], now);
	args->timeout_ticks = flow->timeout_ticks;
	asm volatile("" ::: "memory");
	control = READ_ONCE(flow->control);
	args->control = control;
	return control_state(control) != STATE_NONE &&
			       control_tag(control) == (__u32)inherit_id(args) ?
		       INHERIT_DONE :
		       INHERIT_NONE;
}

SEC("syscall")
int inherit(struct inherit_args *args)
{
	struct flow_key key = args->key;

	switch (args->step) {
	case INHERIT_READ:
		args->result = inherit_read(args, &key);
		break;
	case INHERIT_ENTER:
		args->result = inherit_enter(args, &key);
		break;
	case INHERIT_END:
		args->result = inherit_end(args, &key);
		break;
	case INHERIT_OWN:
		args->result = inherit_claim(args, &key);
		break;
	default:
		args->result = INHERIT_REFUSED;
	}
	return 0;
}
