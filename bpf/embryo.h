/* SPDX-License-Identifier: GPL-2.0 */
/* Room for the living: where the table is full, a flow that was not answered makes
 * room for a new one.
 *
 * Every new flow is written down in a ring, the nursery. When an insert finds no
 * room the ring is read from its oldest end, and the first flow found there that is
 * not kept is ended (reason evicted, with its event). A flow is kept once it is
 * answered, as long as there is room for such flows: the last sixteenth of the table
 * stays open to new ones. A flood of SYNs thus evicts other SYNs of the flood, oldest
 * first. docs/decisions/0004 says why not an LRU map.
 *
 * Flows that end, or are kept, leave entries behind that say nothing any more. Every
 * new flow clears some of them away at the oldest end, and moves flows that may be
 * evicted yet to the youngest one where they stand in the way. With twice as many
 * entries as the table has none of those is ever lost to the ring, whatever else
 * comes and goes. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "opening.h"
#include "table.h"
#include "tuple.h"

/* Entries of the nursery less one, a power of two less one, set at load. */
volatile const __u32 nursery_mask = 0x1ffff;

/* How many of the oldest are looked at for one that may go. */
#define MAX_EVICTION_TRIES 32
/* How many of the oldest a new flow looks at. The ring moves flows from three quarters
 * of its entries on. To move all flows of a table half its size takes a quarter as many
 * new ones, so it never has more than seven eighths. */
#define TENDED 4

/* An entry: the flow's key, and the low half of its id. That word is written last and
 * is zero where there is no entry. */
struct embryo {
	__u64 words[6];
	__u64 tag;
};

#define EMBRYO_THERE (1ULL << 32)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, struct embryo);
} nursery SEC(".maps");

/* A copy of the entry that is looked at: others may write over it. */
struct candidate {
	union {
		struct flow_key key;
		__u64 words[6];
	};
	__u64 tail;
	__u64 tag;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct candidate);
} candidate SEC(".maps");

static __always_inline struct embryo *embryo_at(__u64 position)
{
	__u32 index = position & nursery_mask;

	return bpf_map_lookup_elem(&nursery, &index);
}

/* Writes a flow down. Two CPUs never get the same entry, short of a whole turn of
 * the ring; half of an entry finds no flow. */
static __always_inline void embryo_remember(const struct flow_key *key,
					    __u32 tag)
{
	const __u64 *words = (const __u64 *)key;
	struct filling *filling = filling_get();
	struct embryo *embryo;

	if (!filling)
		return;
	embryo = embryo_at(__sync_fetch_and_add(&filling->head, 1));
	if (!embryo)
		return;
	embryo->words[0] = words[0];
	embryo->words[1] = words[1];
	embryo->words[2] = words[2];
	embryo->words[3] = words[3];
	embryo->words[4] = words[4];
	embryo->words[5] = words[5];
	WRITE_ONCE(embryo->tag, tag | EMBRYO_THERE);
}

/* Entries that were not taken out yet. */
static __always_inline __u64 nursery_backlog(void)
{
	const struct filling *filling = filling_get();

	return filling ? READ_ONCE(filling->head) - READ_ONCE(filling->tail) : 0;
}

/* Copies the oldest entry, NULL where there is none, or where it is being written. */
static __always_inline struct candidate *embryo_oldest(void)
{
	struct filling *filling = filling_get();
	struct candidate *copy;
	struct embryo *embryo;
	__u64 tail, head;
	__u32 zero = 0;

	if (!filling)
		return NULL;
	tail = READ_ONCE(filling->tail);
	head = READ_ONCE(filling->head);
	if (tail >= head)
		return NULL;
	/* The ring has overtaken its end: what was there is lost to us. */
	if (head - tail > nursery_mask) {
		__sync_val_compare_and_swap(&filling->tail, tail,
					    head - nursery_mask);
		return NULL;
	}
	embryo = embryo_at(tail);
	copy = bpf_map_lookup_elem(&candidate, &zero);
	if (!embryo || !copy)
		return NULL;
	copy->tag = READ_ONCE(embryo->tag);
	if (!copy->tag)
		return NULL;
	copy->tag &= ~EMBRYO_THERE;
	copy->words[0] = embryo->words[0];
	copy->words[1] = embryo->words[1];
	copy->words[2] = embryo->words[2];
	copy->words[3] = embryo->words[3];
	copy->words[4] = embryo->words[4];
	copy->words[5] = embryo->words[5];
	copy->tail = tail;
	return copy;
}

/* Takes out the entry that was looked at; tells whether nobody else did. */
static __always_inline bool embryo_claim(const struct candidate *copy)
{
	struct embryo *embryo = embryo_at(copy->tail);
	struct filling *filling = filling_get();

	if (!embryo || !filling ||
	    __sync_val_compare_and_swap(&filling->tail, copy->tail,
					copy->tail + 1) != copy->tail)
		return false;
	WRITE_ONCE(embryo->tag, 0);
	return true;
}

/* The flow of an entry, NULL where it has ended. */
static __always_inline struct flow *embryo_flow(const struct candidate *copy,
						__u64 *control)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &copy->key);

	if (!flow)
		return NULL;
	*control = READ_ONCE(flow->control);
	if (*control >> CONTROL_TAG_SHIFT != copy->tag ||
	    control_state(*control) == STATE_NONE)
		return NULL;
	return flow;
}

/* An answered flow that there was no room to keep: keeps it now, or lets it wait for
 * another turn. */
static __always_inline void embryo_spare(const struct candidate *copy,
					 struct flow *flow, __u64 control)
{
	__u64 keep = flow_keep();

	if (keep && control_swap(flow, control, control | keep))
		return;
	flow_release(keep);
	embryo_remember(&copy->key, copy->tag);
}

/* Ends the oldest flow that is not kept; tells whether there was one. Those that were
 * answered go last. */
__noinline int embryo_evict(void)
{
	__u64 i;

	for (i = 0; i < MAX_EVICTION_TRIES; i++) {
		struct candidate *copy = embryo_oldest();
		struct flow *flow;
		__u64 control;

		if (!copy)
			return 0;
		if (!embryo_claim(copy))
			continue;
		flow = embryo_flow(copy, &control);
		if (!flow || control & FLOW_KEPT)
			continue;
		if (control_state(control) >= STATE_ESTABLISHED &&
		    i < MAX_EVICTION_TRIES - 1) {
			embryo_spare(copy, flow, control);
			continue;
		}
		if (flow_destroy(&copy->key, flow, control,
				 event_cause(REASON_EVICTED, ORIGIN))) {
			opening_remember(&copy->key, flow, control);
			return 1;
		}
		embryo_remember(&copy->key, copy->tag);
	}
	return 0;
}

/* Clears away the oldest entries that say nothing any more. Tells whether the ring is
 * too small for the table all the same: then unanswered flows go early. */
__noinline int nursery_tend(void)
{
	/* 64 bits: of half a word on the stack Linux 5.15 knows no value, and sees no
	 * end of the loop. */
	__u64 i;

	for (i = 0; i < TENDED; i++) {
		struct candidate *copy = embryo_oldest();
		struct flow *flow;
		__u64 control;

		if (!copy)
			return 0;
		flow = embryo_flow(copy, &control);
		if (flow && !(control & FLOW_KEPT)) {
			if (nursery_backlog() <= nursery_mask - nursery_mask / 4)
				return 0;
			if (embryo_claim(copy))
				embryo_remember(&copy->key, copy->tag);
		} else if (!embryo_claim(copy)) {
			return 0;
		}
	}
	return nursery_backlog() > nursery_mask - nursery_mask / 16;
}

/* Whether an insert failed because the bucket was in use: by this very CPU, which
 * was interrupted there, or for too long by another. EBUSY is what the lock says
 * up to Linux 6.14, the others since (rqspinlock, kernel/bpf/hashtab.c). */
static __always_inline bool bucket_busy(int err)
{
	return err == -EBUSY || err == -EDEADLK || err == -ETIMEDOUT;
}

/* Enters a flow whose first packet is pkt. Its direction is origin, unless
 * flags say that the key is to be read the other way round. */
__noinline int flow_create(struct packet *pkt, __u32 flags)
{
	struct cpu_stats *stats = stats_get();
	struct flow *flow = scratch_flow();
	struct flow_key key;
	__u64 id;
	int err;

	if (!pkt || !flow || !stats)
		return -EINVAL;
	id = new_flow_id(stats);
	flow->id_high = id >> 32;
	flow->control = id << CONTROL_TAG_SHIFT | flags;
	flow->created_ns = clock_ns();
	key = pkt->key;
	err = bpf_map_update_elem(&flows, &key, flow, BPF_NOEXIST);
	if (bucket_busy(err))
		err = bpf_map_update_elem(&flows, &key, flow, BPF_NOEXIST);
	if (!err) {
		stats->created++;
		embryo_remember(&pkt->key, id);
		event_emit(&pkt->key, flow, STATE_NONE, flow->control,
			   event_cause(REASON_NONE, ORIGIN));
	} else if (bucket_busy(err)) {
		stats->table_busy++;
	}
	if (err)
		flow_release(flags);
	return err;
}
