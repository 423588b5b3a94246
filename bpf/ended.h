/* SPDX-License-Identifier: GPL-2.0 */
/* TCP flows that ended: enough to recognise their late packets.
 *
 * A flow leaves the table with the last ACK of LAST_ACK or with a RST, but some
 * of its packets arrive later: duplicates, reordered segments, a FIN that is
 * retransmitted because the last ACK was lost behind the tracker, and segments
 * that were in flight when the RST passed. They are not invalid, and they begin
 * no flow. nf_conntrack keeps the entry in TIME_WAIT or CLOSE for them. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bucket.h"
#include "config.h"
#include "flow.h"
#include "packet.h"
#include "tcp_window.h"
#include "tuple.h"

/* The end of what one side had sent, and the end of what it permitted the other
 * side to send: its window, and one more that passes in an open flow, too. */
struct ended_dir {
	__u32 end;
	__u32 limit;
};

struct ended_flow {
	__u64 ended_ticks;
	/* Part of the key's hash; zero while it is written, and where there is none. */
	__u32 tag;
	/* A number this far below the end of its direction is not of this flow.
	 * Above it packet.reversed of the last segment. */
	__u32 max_lag;
	/* The sender of the last segment. */
	struct ended_dir last;
	struct ended_dir other;
};

#define ENDED_REVERSED (1U << 31)

_Static_assert(MAX_OLD < ENDED_REVERSED, "a lag and a flag are a word");

#define ENDED_FLOWS 4

/* Two cache lines. The oldest goes first. */
struct ended_bucket {
	struct ended_flow flows[ENDED_FLOWS];
};

/* Buckets, a power of two. */
#define ENDED_BUCKETS 16384

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ENDED_BUCKETS);
	__type(key, __u32);
	__type(value, struct ended_bucket);
} ended SEC(".maps");

/* By the same hash as the table's, so nobody can aim at a bucket. */
static __always_inline struct ended_bucket *ended_bucket(__u64 hash)
{
	__u32 index = hash * hashing.mixer >> 48 & (ENDED_BUCKETS - 1);

	return bpf_map_lookup_elem(&ended, &index);
}

static __always_inline __u32 ended_tag(__u64 hash)
{
	return hash | 1;
}

/* The entry of a tag, NULL where there is none. */
static __always_inline struct ended_flow *ended_find(
	struct ended_bucket *bucket, __u32 tag)
{
	__u64 i;

	for (i = 0; i < ENDED_FLOWS; i++)
		if (READ_ONCE(bucket->flows[i].tag) == tag)
			return &bucket->flows[i];
	return NULL;
}

/* The entry that a tag takes: its own, or else the oldest. */
static __always_inline struct ended_flow *ended_room(
	struct ended_bucket *bucket, __u32 tag)
{
	struct ended_flow *oldest = &bucket->flows[0];
	__u64 i;

	for (i = 0; i < ENDED_FLOWS; i++) {
		struct ended_flow *past = &bucket->flows[i];

		if (past->tag == tag)
			return past;
		if (past->ended_ticks < oldest->ended_ticks)
			oldest = past;
	}
	return oldest;
}

/* Forgets a flow of that key. */
__noinline int ended_forget(const struct flow_key *key)
{
	struct ended_bucket *bucket;
	struct ended_flow *past;
	__u64 hash;

	if (!key)
		return 0;
	hash = key_hash((const __u64 *)key);
	bucket = ended_bucket(hash);
	if (!bucket)
		return 0;
	past = ended_find(bucket, ended_tag(hash));
	if (past)
		WRITE_ONCE(past->tag, 0);
	return 0;
}

/* Remembers a flow that ends with a segment of direction d, and forgets an earlier
 * one of the same tuple. Until both sides have sent something, nothing can be
 * late. */
__noinline int ended_remember(const struct flow_key *key,
			      const struct flow *flow, __u32 d, __u32 reversed,
			      __u64 now)
{
	const struct flow_dir *sender, *receiver;
	struct ended_bucket *bucket;
	struct ended_flow *past;
	enum flow_state state;
	__u32 lag;
	__u64 hash;

	if (!key || !flow)
		return 0;
	state = control_state(READ_ONCE(flow->control));
	if (state == STATE_NEW || state == STATE_SYN_SENT)
		return ended_forget(key);
	hash = key_hash((const __u64 *)key);
	bucket = ended_bucket(hash);
	if (!bucket)
		return 0;
	sender = &flow->dir[d & 1];
	receiver = &flow->dir[!(d & 1)];
	past = ended_room(bucket, ended_tag(hash));
	/* Nobody takes it for another flow's meanwhile. */
	WRITE_ONCE(past->tag, 0);
	past->ended_ticks = now;
	lag = window_oldest(sender);
	if (lag < window_oldest(receiver))
		lag = window_oldest(receiver);
	past->max_lag = lag | (reversed & 1 ? ENDED_REVERSED : 0);
	past->last.end = sender->end;
	past->last.limit = sender->limit + sender->max_window;
	past->other.end = receiver->end;
	past->other.limit = receiver->limit + receiver->max_window;
	asm volatile("" ::: "memory");
	WRITE_ONCE(past->tag, ended_tag(hash));
	return 0;
}

/* Copies what is remembered of a key's flow. Reports whether there was something, and
 * it is not too old. Another CPU may have made it after now was read. */
static __always_inline bool ended_recall(const struct flow_key *key, __u64 now,
					 struct ended_flow *past)
{
	__u64 hash = key_hash((const __u64 *)key);
	struct ended_bucket *bucket = ended_bucket(hash);
	const struct ended_flow *found;

	if (!bucket)
		return false;
	found = ended_find(bucket, ended_tag(hash));
	if (!found)
		return false;
	*past = *found;
	asm volatile("" ::: "memory");
	if (READ_ONCE(found->tag) != ended_tag(hash))
		return false;
	return (__s64)(now - past->ended_ticks) <
	       (__s64)config.timeout_ticks[TIMEOUT_TCP_TIME_WAIT];
}

/* Reports whether a segment without a flow is a late one of a flow that ended:
 * within the TIME_WAIT timeout, and within what was sent and permitted then. */
__noinline int ended_expects(struct packet *pkt, __u64 now)
{
	__u32 sent, end, limit, max_lag;
	struct ended_flow past;

	if (!pkt || !ended_recall(&pkt->key, now, &past))
		return 0;
	sent = past.last.end;
	end = past.other.end;
	limit = past.other.limit;
	if (pkt->reversed != !!(past.max_lag & ENDED_REVERSED)) {
		sent = past.other.end;
		end = past.last.end;
		limit = past.last.limit;
	}
	max_lag = past.max_lag & ~ENDED_REVERSED;
	if (seq_after(pkt->seq, limit) || seq_before(pkt->end, sent - max_lag))
		return false;
	return !(pkt->tcp_flags & TCP_ACK) ||
	       (!seq_after(pkt->ack, end) &&
		!seq_before(pkt->ack, end - max_lag));
}
