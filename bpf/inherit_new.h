/* SPDX-License-Identifier: GPL-2.0 */
/* Flows that begin by the word of a partner (inherit.h). */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "event.h"
#include "flags.h"
#include "flow.h"
#include "inherit_args.h"
#include "nursery.h"
#include "place.h"
#include "stats.h"
#include "table.h"
#include "told.h"

/* Enters a flow that the table does not have, with those flags. It takes a place that is
 * free, and evicts nobody. */
static __always_inline int inherit_create(const struct inherit_args *args,
					  const struct flow_key *key,
					  __u64 told, __u64 now)
{
	struct cpu_stats *stats = stats_get();
	__u64 now_ns = clock_ns(), id = inherit_id(args), control;
	struct flow *flow;
	int err;

	flow = flow_new(key, place_take_rare());
	if (!flow || !stats) {
		flow_release(told);
		return INHERIT_FULL;
	}
	told_both(flow, args, 0, told, now);
	flow->timeout_ticks = args->timeout_ticks;
	flow->id = id;
	flow->created_ns = args->age_ns < now_ns ? now_ns - args->age_ns : 0;
	err = flow_enter(flow);
	if (err) {
		flow_release(told);
		place_give(flow);
		return err == -ENOSPC ? INHERIT_FULL : INHERIT_BUSY;
	}
	control = id << CONTROL_TAG_SHIFT | told;
	WRITE_ONCE(flow->control, control);
	__sync_fetch_and_add(&stats->created, 1);
	if (!(told & FLOW_KEPT))
		nursery_add(flow, control);
	event_emit(key, flow, id, 0, control, request_cause(REASON_NONE));
	return INHERIT_DONE;
}
