/* SPDX-License-Identifier: GPL-2.0 */
/* A flow that began at both trackers of a pair under two ids, since its first packets took
 * different ways. Both take the same one of the two, and neither asks the other: by the ports
 * of a flow without a handshake it is the question's, else the smaller one. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "event.h"
#include "flags.h"
#include "flow.h"
#include "inherit_args.h"
#include "inherit_new.h"
#include "table.h"
#include "timeout.h"

/* How long a connection, or a flow that was answered here, may still get the partner's id. */
#define UNITE_NS 10000000000ULL

/* Whether the partner's flow is the one that stays. Where the two have different origins,
 * and the ports differ, the end with the greater one has asked. */
static __always_inline bool unite_is_theirs(const struct inherit_args *args,
					    const struct flow *flow,
					    __u64 control)
{
	__u16 first = bpf_ntohs(flow->key.port[0]);
	__u16 second = bpf_ntohs(flow->key.port[1]);
	bool reversed = args->control & FLOW_REVERSED;

	if ((args->control ^ control) & FLOW_REVERSED && first != second)
		return reversed == (second > first);
	return inherit_id(args) < flow_id(flow);
}

/* Whether the partner's flow, which has another id, is the same young connection: both trackers
 * heard its SYN before either had told the other one. */
static __always_inline bool unite_is_same(const struct inherit_args *args,
					  const struct flow *flow,
					  __u64 control)
{
	return flow->key.proto == IPPROTO_TCP &&
	       !((args->control ^ control) & FLOW_REVERSED) &&
	       has_flag(args->control & control, FLOW_SYN_SENT, ORIGIN) &&
	       args->dir[ORIGIN].numbers.syn_seq == flow->dir[ORIGIN].syn_seq &&
	       args->dir[ORIGIN].packets && flow->origin.packets &&
	       clock_ns() - flow->created_ns < UNITE_NS;
}

/* Adds what was heard here to what the partner heard of a direction. */
static __always_inline void unite_count(struct inherit_dir *to,
					const struct flow_traffic *heard,
					__u64 now)
{
	__u64 idle = ticks_since(heard->last_seen_ticks, now);

	if (!heard->packets)
		return;
	if (!to->packets || idle < to->idle_ticks)
		to->idle_ticks = idle;
	if (heard->packets > to->packets)
		to->packets = heard->packets;
	if (heard->bytes > to->bytes)
		to->bytes = heard->bytes;
}

/* The partner has another flow of the tuple of an own one. Where that one stays, this one
 * ends, and an own one of its id begins that has the packets of both. */
static __always_inline int inherit_unite(struct inherit_args *args,
					 const struct flow_key *key,
					 struct flow *flow, __u64 control,
					 __u64 told, __u64 now)
{
	bool turned = (told ^ control) & FLOW_REVERSED;
	__u64 own = told & FLOW_REVERSED, side = control & FLOW_SIDE;

	if (!unite_is_theirs(args, flow, control))
		return INHERIT_IS_OWN;
	if (control_state(control) != STATE_NEW &&
	    clock_ns() - flow->created_ns > UNITE_NS)
		return INHERIT_OTHER;
	unite_count(&args->dir[ORIGIN], flow_traffic(flow, turned), now);
	unite_count(&args->dir[REPLY], flow_traffic(flow, !turned), now);
	own |= turned ? side ^ FLOW_SIDE : side;
	if (args->dir[REPLY].packets)
		own |= STATE_ESTABLISHED | flags_of(FLOW_SEEN) | flow_keep();
	else
		own |= STATE_NEW | FLOW_SEEN;
	if (flow->timeout_ticks)
		args->timeout_ticks = flow->timeout_ticks;
	if (flow_destroy(flow, control, request_cause(REASON_REUSED)))
		return inherit_create(args, key, own, now);
	flow_release(own);
	return INHERIT_BUSY;
}
