/* SPDX-License-Identifier: GPL-2.0 */
/* The flows that may be evicted, oldest first.
 *
 * Every new flow is written down in a ring, and struck out when it ends or is kept
 * (evict.h). What is struck out at the oldest end is cleared away by every fourth new
 * flow, up to 16 entries of it; that reads a cache line for eight entries, and no flow.
 * Flows that stand in the way while most of the ring is in use are moved to its youngest
 * end. With twice as many entries as the table has, none of those that may be evicted is
 * ever lost to the ring, whatever else comes and goes. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "place.h"

/* Entries of the nursery less one, a power of two less one, and how many bits that is,
 * set at load. */
volatile const __u32 nursery_mask = 0x1ffff;
volatile const __u32 nursery_bits = 17;

/* An entry is a flow's number, in the lower half its tag, and in the uppermost bits the
 * turn of the ring in which it was written. So it is never emptied, and what somebody
 * writes late, who was held up for a whole turn, is taken for nobody's flow. */
#define NURSERY_TURN_SHIFT 57
#define NURSERY_NUMBER 0x1ffffffU
/* The rest of an entry that is struck out. */
#define NURSERY_GONE 1ULL

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, __u64);
} nursery SEC(".maps");

static __always_inline __u64 *nursery_at(__u64 position)
{
	__u32 index = position & nursery_mask;

	return bpf_map_lookup_elem(&nursery, &index);
}

/* The turn of a position. Zero is that of entries that were never written. */
static __always_inline __u64 nursery_turn(__u64 position)
{
	return ((position >> nursery_bits) + 1) << NURSERY_TURN_SHIFT;
}

static __always_inline __u64 nursery_entry(const struct flow *flow,
					   __u64 control, __u64 position)
{
	return nursery_turn(position) | ((flow->slot >> 32) + 1) << 32 |
	       control_tag(control);
}

/* Writes a flow down. Somebody who is held up for a whole turn of the ring may write over
 * a younger entry: then that flow is not evicted by its age. */
static __always_inline void nursery_add(struct flow *flow, __u64 control)
{
	struct filling *filling = filling_get();
	__u64 position, *entry;

	if (!filling)
		return;
	position = __sync_fetch_and_add(&filling->head, 1);
	entry = nursery_at(position);
	if (!entry)
		return;
	WRITE_ONCE(flow->nursery, (__u32)position);
	WRITE_ONCE(*entry, nursery_entry(flow, control, position));
}

/* Strikes a flow out. Where it has just been moved nothing is done: its entry says
 * nothing any more once the flow has ended, or is kept. */
static __always_inline void nursery_strike(struct flow *flow, __u64 control)
{
	__u64 position = READ_ONCE(flow->nursery);
	__u64 *entry = nursery_at(position);

	if (entry)
		__sync_val_compare_and_swap(
			entry, nursery_entry(flow, control, position),
			nursery_turn(position) | NURSERY_GONE);
}

/* The flow of an entry, and its control; NULL where it has ended. */
static __always_inline struct flow *nursery_flow(__u64 entry, __u64 *control)
{
	struct flow *flow = flow_numbered(entry >> 32 & NURSERY_NUMBER);

	if (!flow)
		return NULL;
	*control = READ_ONCE(flow->control);
	if (control_tag(*control) != (__u32)entry ||
	    control_state(*control) == STATE_NONE)
		return NULL;
	return flow;
}

/* How many entries at the oldest end are looked at to be cleared away at once, and
 * after how many new flows on one CPU. */
#define CLEARED 16
#define TENDED_EVERY 4

/* Clears away what is struck out at the oldest end. */
__noinline int nursery_clear(void)
{
	struct filling *filling = filling_get();
	__u64 tail, head, i, n = 0;

	if (!filling)
		return 0;
	tail = READ_ONCE(filling->tail);
	head = READ_ONCE(filling->head);
	for (i = 0; i < CLEARED; i++) {
		__u64 *entry = nursery_at(tail + i);

		if (tail + i >= head || !entry ||
		    READ_ONCE(*entry) != (nursery_turn(tail + i) | NURSERY_GONE))
			break;
		n++;
	}
	if (!n ||
	    __sync_val_compare_and_swap(&filling->tail, tail, tail + n) != tail)
		return 0;
	return n;
}

/* Takes out the oldest entry, zero where there is none, where it is being written, or
 * where others do the same. With skip an entry that is not of this turn is not waited
 * for: who was to write it has written elsewhere, or is held up. */
static __always_inline __u64 nursery_take(bool skip)
{
	struct filling *filling = filling_get();
	__u64 tail, head, entry, *at;

	if (!filling)
		return 0;
	tail = READ_ONCE(filling->tail);
	head = READ_ONCE(filling->head);
	if (tail >= head)
		return 0;
	/* The ring has overtaken its end: what was there is lost to us. */
	if (head - tail > nursery_mask) {
		__sync_val_compare_and_swap(&filling->tail, tail,
					    head - nursery_mask);
		return 0;
	}
	at = nursery_at(tail);
	if (!at)
		return 0;
	entry = READ_ONCE(*at);
	if ((entry ^ nursery_turn(tail)) >> NURSERY_TURN_SHIFT) {
		if (!skip)
			return 0;
		entry = 0;
	}
	if (__sync_val_compare_and_swap(&filling->tail, tail, tail + 1) != tail)
		return 0;
	return entry;
}

/* Entries that were not taken out yet. */
static __always_inline __u64 nursery_backlog(void)
{
	const struct filling *filling = filling_get();

	return filling ? READ_ONCE(filling->head) - READ_ONCE(filling->tail) :
			 0;
}

/* Makes room in the ring: clears away what is struck out, and moves flows that are in
 * the way while it is three quarters full. To move all flows of a table half its size
 * takes a quarter as many new ones, so the ring never has more than seven eighths.
 * Reports whether it is too small for the table all the same: then unanswered flows go
 * early. */
__noinline int nursery_tend(void)
{
	const __u64 most = nursery_mask - nursery_mask / 4;
	__u64 i, entry, control;
	struct flow *flow;

	nursery_clear();
	for (i = 0; i < CLEARED && nursery_backlog() > most; i++) {
		entry = nursery_take(i >= CLEARED / 2);
		flow = nursery_flow(entry, &control);
		if (flow && !(control & FLOW_KEPT))
			nursery_add(flow, control);
	}
	return nursery_backlog() > nursery_mask - nursery_mask / 16;
}
