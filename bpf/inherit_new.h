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

/* What a direction was told, where there is something. The number of a SYN that was sent is
 * the same as ever. */
static __always_inline void inherit_write(struct flow_traffic *traffic,
					  struct flow_dir *dir,
					  const struct inherit_dir *from,
					  __u64 now, bool sent)
{
	__u32 syn_seq = dir->syn_seq;

	if (!from->packets)
		return;
	*dir = from->numbers;
	if (sent)
		dir->syn_seq = syn_seq;
	dir->pending_end = 0;
	dir->pending_wscale = 0;
	traffic->packets = from->packets;
	traffic->bytes = from->bytes;
	traffic->rtt_us = from->rtt_us;
	traffic->retransmits = from->retransmits;
	traffic->reordered = from->reordered;
	/* So its next packet by the fast path is taken for its first (plain_track.h). */
	traffic->cpu = 0;
	traffic->last_seen_ticks =
		from->idle_ticks < now ? now - from->idle_ticks : 0;
}

static __always_inline void inherit_write_both(struct flow *flow,
					       const struct inherit_args *args,
					       __u64 control, __u64 now)
{
	inherit_write(&flow->origin, &flow->dir[ORIGIN], &args->dir[ORIGIN], now,
		      has_flag(control, FLOW_SYN_SENT, ORIGIN));
	inherit_write(&flow->reply, &flow->dir[REPLY], &args->dir[REPLY], now,
		      has_flag(control, FLOW_SYN_SENT, REPLY));
	flow->timeout_ticks = args->timeout_ticks;
}

/* Enters a flow that the table does not have, with those flags. It takes a place that is
 * free, and evicts nobody. */
static __always_inline int inherit_create(const struct inherit_args *args,
					  const struct flow_key *key,
					  __u64 told, __u64 now)
{
	struct cpu_stats *stats = stats_get();
	__u64 now_ns = clock_ns(), control;
	struct flow *flow;
	int err;

	flow = flow_new(key, place_take_rare());
	if (!flow || !stats) {
		flow_release(told);
		return INHERIT_FULL;
	}
	inherit_write_both(flow, args, 0, now);
	flow->id = args->id;
	flow->created_ns = args->age_ns < now_ns ? now_ns - args->age_ns : 0;
	err = flow_enter(flow);
	if (err) {
		flow_release(told);
		place_give(flow);
		return err == -ENOSPC ? INHERIT_FULL : INHERIT_BUSY;
	}
	control = args->id << CONTROL_TAG_SHIFT | told;
	WRITE_ONCE(flow->control, control);
	__sync_fetch_and_add(&stats->created, 1);
	if (!(told & FLOW_KEPT))
		nursery_add(flow, control);
	event_emit(&flow->key, flow, 0, control, request_cause(REASON_NONE));
	return INHERIT_DONE;
}
