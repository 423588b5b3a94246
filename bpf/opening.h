/* SPDX-License-Identifier: GPL-2.0 */
/* Handshakes whose flow has gone: enough to know the answer.
 *
 * Under a flood a flow that waits for its answer is evicted after as many SYNs as the
 * table has room for, and an honest handshake with a long round trip is no exception.
 * Of each such flow four bytes stay: a hash of its tuple, side and SYN, and the window
 * scale. A SYN+ACK that answers it by the other side begins the flow again. So does,
 * where nothing is picked up midstream otherwise, the opener's next ACK: as such a
 * flow, which is answered when the other side goes on.
 *
 * Buckets of one cache line, each a ring of its own: the oldest goes first. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "tcp_step.h"
#include "tuple.h"

#define OPENING_MARKS 15
/* Low bits of a mark: the window scale, or that there is none. */
#define OPENING_WSCALE 0xf

struct opening_bucket {
	__u32 next;
	__u32 marks[OPENING_MARKS];
};

/* Buckets less one, a power of two less one, set at load. */
volatile const __u32 opening_mask = 0x1fff;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct opening_bucket);
} openings SEC(".maps");

/* Of a SYN from the key's end that reversed tells, and by this side. Keyed, so that
 * nobody can aim at a bucket. */
static __always_inline __u64 opening_hash(const struct flow_key *key,
					  __u32 syn_seq, __u32 reversed,
					  __u32 side)
{
	const __u64 *words = (const __u64 *)key;
	__u64 hash = id_seed ^ (syn_seq | (__u64)(reversed & 1) << 32);
	int i;

	if (!config.sides_unknown)
		hash ^= (__u64)(side & 1) << 33;
	for (i = 0; i < 6; i++) {
		hash = (hash ^ words[i]) * 0xbf58476d1ce4e5b9ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

static __always_inline struct opening_bucket *opening_bucket(__u64 hash)
{
	__u32 index = hash & opening_mask;

	return bpf_map_lookup_elem(&openings, &index);
}

static __always_inline __u32 opening_mark(__u64 hash)
{
	return hash >> 32 & ~OPENING_WSCALE;
}

/* Where a SYN came from, in one argument. */
#define OPENING_FROM(reversed, side) ((reversed) | (side) << 1)

/* Remembers the SYN of that number from there. */
__noinline int opening_note(const struct flow_key *key, __u32 syn_seq,
			    __u32 from, __u32 wscale)
{
	struct opening_bucket *bucket;
	__u64 hash;
	__u32 slot;

	if (!key)
		return 0;
	hash = opening_hash(key, syn_seq, from, from >> 1);
	bucket = opening_bucket(hash);
	if (!bucket)
		return 0;
	slot = __sync_fetch_and_add(&bucket->next, 1) % OPENING_MARKS;
	if (wscale > OPENING_WSCALE)
		wscale = OPENING_WSCALE;
	/* The compiler knows, the verifier does not. */
	asm volatile("" : "+r"(slot));
	if (slot >= OPENING_MARKS)
		return 0;
	bucket->marks[slot] = opening_mark(hash) | wscale;
	return 1;
}

/* Remembers the SYNs of a flow that has made room, while they wait for their answer:
 * the one that began it, and those that came in it, which may be the honest ones. */
__noinline int opening_remember(const struct flow_key *key, struct flow *flow,
				__u64 control)
{
	enum flow_state state = control_state(control);
	__u32 reversed = !!(control & FLOW_REVERSED), d;

	if (!key || !flow || key->proto != IPPROTO_TCP)
		return 0;
	if (state == STATE_SYN_SENT || state == STATE_SYN_RECV)
		opening_note(key, flow->dir[ORIGIN].syn_seq,
			     OPENING_FROM(reversed, !!(control & FLOW_SIDE)),
			     flow->dir[ORIGIN].wscale);
	for (d = ORIGIN; d <= REPLY; d++) {
		__u32 side = has_flag(control, FLOW_PENDING_SIDE, d);

		if (has_flag(control, FLOW_SYN_PENDING, d))
			opening_note(key, flow->dir[d].pending_end - 1,
				     OPENING_FROM(reversed ^ d, side),
				     flow->dir[d].pending_wscale);
	}
	return 1;
}

/* The same of a flow that fell silent: those that came in it, which may be young. */
static __always_inline void opening_outlive(const struct flow_key *key,
					    struct flow *flow, __u64 control)
{
	if (control & flags_of(FLOW_SYN_PENDING))
		opening_remember(key, flow,
				 control_with_state(control, STATE_NONE));
}

/* Looks for the SYN of that number that a segment answers, or that its sender sent
 * (by_opener). Returns its window scale plus one, 0 where there is none. */
__noinline int opening_recall(struct packet *pkt, __u32 syn_seq,
			      __u32 by_opener)
{
	struct opening_bucket *bucket;
	__u32 mark, i;
	__u64 hash;

	if (!pkt)
		return 0;
	hash = opening_hash(&pkt->key, syn_seq, pkt->reversed ^ !by_opener,
			    pkt->side ^ !by_opener);
	bucket = opening_bucket(hash);
	if (!bucket)
		return 0;
	mark = opening_mark(hash);
	for (i = 0; i < OPENING_MARKS; i++) {
		__u32 found = bucket->marks[i];

		if ((found & ~OPENING_WSCALE) != mark)
			continue;
		found &= OPENING_WSCALE;
		return (found == OPENING_WSCALE ? NO_WSCALE : found) + 1;
	}
	return 0;
}
