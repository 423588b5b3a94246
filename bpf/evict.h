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
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "table.h"

/* How many of the oldest are looked at for one that may go. */
#define MAX_EVICTION_TRIES 32

/* An answered flow that there was no room to keep: keeps it now, or lets it wait for
 * another turn. One of the partner's waits: it makes room for own ones. */
static __always_inline void evict_spare(struct flow *flow, __u64 control)
{
	__u64 keep = control & FLOW_INHERITED ? 0 : flow_keep();

	if (keep && control_swap(flow, control, control | keep))
		return;
	flow_release(keep);
	nursery_add(flow, control);
}

/* Ends the oldest flow if it is not kept, and was not answered or is the last to be
 * looked at: look is how many were before. Reports whether it did. */
__noinline int evict_try(__u32 look)
{
	__u64 entry, control;
	struct flow *flow;

	if (nursery_clear() == CLEARED)
		return 0;
	entry = nursery_take(look >= MAX_EVICTION_TRIES / 2);
	flow = nursery_flow(entry, &control);
	if (!flow || control & FLOW_KEPT)
		return 0;
	if (control_state(control) >= STATE_ESTABLISHED &&
	    look < MAX_EVICTION_TRIES - 1) {
		evict_spare(flow, control);
		return 0;
	}
	if (flow_destroy(flow, control, event_cause(REASON_EVICTED, ORIGIN)))
		return 1;
	nursery_add(flow, control);
	return 0;
}

/* Ends the oldest flow that is not kept. Reports whether there was one. Those that were
 * answered go last. */
__noinline int evict_oldest(void)
{
	__u64 i;

	for (i = 0; i < MAX_EVICTION_TRIES; i++)
		if (evict_try(i))
			return 1;
	return 0;
}

/* The oldest flow of a bucket that was not answered: of that and the flow before. */
static __always_inline struct flow *bucket_oldest(__u32 index,
						  struct flow *oldest)
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
		if (control & FLOW_KEPT ||
		    control_state(control) == STATE_NONE ||
		    control_state(control) >= STATE_ESTABLISHED)
			continue;
		if (!oldest || flow->created_ns < oldest->created_ns)
			oldest = flow;
	}
	return oldest;
}

/* Ends the oldest unanswered flow in the buckets of a key. Reports whether there
 * was one. */
__noinline int bucket_evict(const struct flow_key *key)
{
	struct flow *flow;
	__u64 hash, control;

	if (!key)
		return 0;
	hash = key_hash((const __u64 *)key);
	flow = bucket_oldest(first_bucket(hash), NULL);
	flow = bucket_oldest(second_bucket(hash), flow);
	if (!flow)
		return 0;
	control = READ_ONCE(flow->control);
	if (control & FLOW_KEPT || control_state(control) == STATE_NONE ||
	    control_state(control) >= STATE_ESTABLISHED)
		return 0;
	return flow_destroy(flow, control, event_cause(REASON_EVICTED, ORIGIN));
}
