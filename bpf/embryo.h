/* SPDX-License-Identifier: GPL-2.0 */
/* Room for the living: where the table is full, a flow that has proved nothing
 * yet makes room for a new one.
 *
 * Every new flow is an embryo, and is written down in a ring, the nursery. It
 * stays one until it is answered in full, or lasts. When an insert finds no room
 * the ring is read from its oldest end, and the first flow found that still is an
 * embryo is ended (reason evicted, with its event). A flood of SYNs thus evicts
 * other SYNs of the flood, oldest first; flows that were answered are never
 * touched, and cost nothing extra. docs/decisions/0004 says why not an LRU map. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "table.h"
#include "tuple.h"

/* Entries of the nursery less one, a power of two less one, set at load. */
volatile const __u32 nursery_mask = 0xffff;

/* How many of the oldest are looked at for one that may go. */
#define MAX_EVICTION_TRIES 32
/* So many packets make a flow that nobody answered worth keeping. */
#define LASTING_PACKETS 8

struct embryo {
	struct flow_key key;
	__u64 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct embryo);
} nursery SEC(".maps");

/* A copy of the embryo that is to go: others may write over the entry. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct embryo);
} candidate SEC(".maps");

/* How many were ever written down, and how many of them were looked at again. */
__u64 nursery_head;
__u64 nursery_tail;

/* Writes a new flow down. Two CPUs never get the same entry, short of a whole
 * turn of the ring; half of an entry finds no flow of that id. */
static __always_inline void embryo_remember(const struct flow_key *key, __u64 id)
{
	__u32 index = __sync_fetch_and_add(&nursery_head, 1) & nursery_mask;
	struct embryo *embryo = bpf_map_lookup_elem(&nursery, &index);

	if (!embryo)
		return;
	embryo->key = *key;
	embryo->id = id;
}

static __always_inline bool flow_is_embryo(const struct flow *flow,
					   __u64 control)
{
	enum flow_state state = control_state(control);

	if (state == STATE_NEW)
		return flow->dir[ORIGIN].packets < LASTING_PACKETS;
	return state == STATE_SYN_SENT || state == STATE_SYN_RECV;
}

/* Takes the oldest entry that was not looked at yet. */
static __always_inline struct embryo *embryo_oldest(void)
{
	__u64 tail = __sync_fetch_and_add(&nursery_tail, 1);
	__u64 head = READ_ONCE(nursery_head);
	__u32 index, zero = 0;
	struct embryo *embryo, *copy;

	if (tail >= head) {
		__sync_fetch_and_add(&nursery_tail, -1);
		return NULL;
	}
	/* The ring has overtaken its end: what was there is lost to us. */
	if (head - tail > nursery_mask) {
		tail = head - nursery_mask;
		WRITE_ONCE(nursery_tail, tail + 1);
	}
	index = tail & nursery_mask;
	embryo = bpf_map_lookup_elem(&nursery, &index);
	copy = bpf_map_lookup_elem(&candidate, &zero);
	if (!embryo || !copy)
		return NULL;
	*copy = *embryo;
	return copy;
}

/* Ends the oldest embryo; tells whether there was one. */
__noinline int embryo_evict(void)
{
	int i;

	for (i = 0; i < MAX_EVICTION_TRIES; i++) {
		struct embryo *embryo = embryo_oldest();
		struct flow *flow;
		__u64 control;

		if (!embryo)
			return 0;
		flow = bpf_map_lookup_elem(&flows, &embryo->key);
		if (!flow || flow_id(flow) != embryo->id)
			continue;
		control = READ_ONCE(flow->control);
		if (flow_is_embryo(flow, control) &&
		    flow_destroy(&embryo->key, flow, control,
				 event_cause(REASON_EVICTED, ORIGIN)))
			return 1;
	}
	return 0;
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
	return err;
}
