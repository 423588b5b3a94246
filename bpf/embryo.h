/* SPDX-License-Identifier: GPL-2.0 */
/* Room for the living: where the table is full, a flow that was not answered makes
 * room for a new one.
 *
 * Where a new flow finds no place the nursery is read from its oldest end, and the
 * first flow found there that is not kept is ended (reason evicted, with its event).
 * A flow is kept once it is answered, as long as there is room for such flows: the
 * last sixteenth of the table stays open to new ones. A flood of SYNs thus evicts
 * other SYNs of the flood, oldest first. docs/decisions/0004 says why not an LRU map.
 *
 * Where there is a place, but both buckets of the key are full, one of the flows in
 * them makes room in the same way. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "table.h"

/* How many of the oldest are looked at for one that may go. */
#define MAX_EVICTION_TRIES 32

/* An answered flow that there was no room to keep: keeps it now, or lets it wait for
 * another turn. */
static __always_inline void embryo_spare(struct flow *flow, __u64 control)
{
	__u64 keep = flow_keep();

	if (keep && control_swap(flow, control, control | keep))
		return;
	flow_release(keep);
	embryo_remember(flow, control);
}

/* Ends the oldest flow if it is not kept, and was not answered or is the last to be
 * looked at. Tells whether it did. */
__noinline int embryo_try(__u32 last)
{
	__u64 entry, control;
	struct flow *flow;

	if (nursery_clear() == CLEARED)
		return 0;
	entry = nursery_take();
	flow = embryo_flow(entry, &control);
	if (!flow || control & FLOW_KEPT)
		return 0;
	if (control_state(control) >= STATE_ESTABLISHED && !last) {
		embryo_spare(flow, control);
		return 0;
	}
	if (flow_destroy(flow, control, event_cause(REASON_EVICTED, ORIGIN)))
		return 1;
	embryo_remember(flow, control);
	return 0;
}

/* Ends the oldest flow that is not kept; tells whether there was one. Those that were
 * answered go last. */
__noinline int embryo_evict(void)
{
	__u64 i;

	for (i = 0; i < MAX_EVICTION_TRIES; i++)
		if (embryo_try(i == MAX_EVICTION_TRIES - 1))
			return 1;
	return 0;
}

/* The oldest flow of a bucket that was not answered: of that and the flow before. */
static __always_inline struct flow *bucket_embryo(__u32 index, struct flow *oldest)
{
	struct bucket *bucket = bucket_at(index);
	__u64 i;

	if (!bucket)
		return oldest;
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]), control;
		struct flow *flow = flow_at(slot >> 32);

		if (!flow || !(slot & SLOT_IN_FORCE))
			continue;
		control = READ_ONCE(flow->control);
		if (control & FLOW_KEPT || control_state(control) == STATE_NONE ||
		    control_state(control) >= STATE_ESTABLISHED)
			continue;
		if (!oldest || flow->created_ns < oldest->created_ns)
			oldest = flow;
	}
	return oldest;
}

/* Ends the oldest unanswered flow in the buckets of a key; tells whether there was
 * one. */
__noinline int bucket_evict(const struct flow_key *key)
{
	struct flow *flow;
	__u64 hash, control;

	if (!key)
		return 0;
	hash = key_hash((const __u64 *)key);
	flow = bucket_embryo(first_bucket(hash), NULL);
	flow = bucket_embryo(second_bucket(hash), flow);
	if (!flow)
		return 0;
	control = READ_ONCE(flow->control);
	if (control & FLOW_KEPT || control_state(control) == STATE_NONE ||
	    control_state(control) >= STATE_ESTABLISHED)
		return 0;
	return flow_destroy(flow, control, event_cause(REASON_EVICTED, ORIGIN));
}

/* Takes a place for a flow, and writes its key. NULL where there is none. */
static __always_inline struct flow *flow_new(const struct flow_key *key)
{
	__u32 number = place_take();
	struct flow *flow = flow_numbered(number);

	if (!flow)
		return NULL;
	/* Whoever still has the flow that was here sees that it has ended. */
	WRITE_ONCE(flow->control, 0);
	flow->slot = (__u64)(number - 1) << 32;
	flow->key = *key;
	flow->link = 0;
	flow->reset = 0;
	flow->timeout_ticks = 0;
	flow->invalid = 0;
	flow->related = 0;
	flow->reordered[0] = 0;
	flow->reordered[1] = 0;
	__builtin_memset(flow->ethernet, 0, sizeof(flow->ethernet));
	__builtin_memset(flow->dir, 0, sizeof(flow->dir));
	return flow;
}

/* Enters a flow that is written but for its control. Its first packet's direction is
 * origin, unless flags say that the key is to be read the other way round. Returns
 * what flow_enter() does. */
__noinline int flow_create(struct flow *flow, __u32 flags)
{
	struct cpu_stats *stats = stats_get();
	__u64 control;
	int err;

	if (!flow || !stats)
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
	control = flow->id << CONTROL_TAG_SHIFT | flags;
	WRITE_ONCE(flow->control, control);
	stats->created++;
	if (!(flags & FLOW_KEPT))
		embryo_remember(flow, control);
	event_emit(&flow->key, flow, STATE_NONE, control,
		   event_cause(REASON_NONE, ORIGIN));
	return 0;
}
