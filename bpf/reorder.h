/* SPDX-License-Identifier: GPL-2.0 */
/* Data that comes after data which follows it: sent again, or only overtaken?
 *
 * A segment that begins beyond the last one leaves a gap. What then fits into the
 * gap was not seen before. It was overtaken if it comes within half a round trip:
 * a sender that repeats it because of the gap has to hear of that first, and the
 * segment, its acknowledgement and the repetition take a whole one. What comes
 * later was lost before it came here, and what was seen before is a repetition.
 *
 * Gaps are rare and lie in a map of their own, one for each direction of a flow.
 * Two that are open at a time count as one. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "tcp_window.h"

/* The round trip of a flow whose handshake was not seen, or was said again. */
#define UNKNOWN_RTT_US 6000

/* One direction of a flow. */
struct dir_key {
	__u64 flow_id;
	__u32 direction;
	__u32 pad;
};

/* The sequence numbers from begin to before end are missing. */
struct gap {
	__u32 begin;
	__u32 end;
	__u64 since_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct dir_key);
	__type(value, struct gap);
} gaps SEC(".maps");

/* Whether the gap has opened so recently that nobody can have heard of it. */
static __always_inline bool gap_is_young(const struct gap *gap,
					 const struct flow *flow, __u64 now_ns)
{
	__u64 origin = flow->dir[ORIGIN].rtt_us;
	__u64 reply = flow->dir[REPLY].rtt_us;
	__u64 rtt_us = origin && reply ? origin + reply : UNKNOWN_RTT_US;

	return now_ns - gap->since_ns < rtt_us * 1000 / 2;
}

static __always_inline void gap_open(const struct dir_key *key,
				     const struct flow *flow, __u32 begin,
				     __u32 end)
{
	struct gap *old = bpf_map_lookup_elem(&gaps, key);
	struct gap gap = {
		.begin = begin,
		.end = end,
		.since_ns = clock_ns(),
	};

	if (old && old->begin != old->end &&
	    gap_is_young(old, flow, gap.since_ns)) {
		gap.begin = old->begin;
		gap.since_ns = old->since_ns;
	}
	bpf_map_update_elem(&gaps, key, &gap, BPF_ANY);
}

/* Puts a segment into the gap; reports whether it belongs there and was overtaken. */
static __always_inline bool gap_fill(const struct dir_key *key,
				     const struct flow *flow, __u32 seq,
				     __u32 end)
{
	struct gap *gap = bpf_map_lookup_elem(&gaps, key);

	if (!gap || seq_before(seq, gap->begin) || seq_after(end, gap->end) ||
	    !gap_is_young(gap, flow, clock_ns()))
		return false;
	if (seq == gap->begin)
		gap->begin = end;
	else if (end == gap->end)
		gap->end = seq;
	return true;
}

/* Above the direction, in what tcp_disorder() is told: the segment has a FIN. */
#define DISORDER_FIN 2

/* Whether all that a segment repeats is the last number sent, and that may be the
 * byte of a probe: a keepalive's, or one that a closed window did not take, with
 * which data begins once it is open. A FIN alone is no probe. */
static __always_inline bool repeats_probe(const struct flow_dir *dir, __u32 seq,
					  __u32 end, bool fin)
{
	return seq == dir->end - 1 && !(fin && end == dir->end);
}

/* Counts a segment without SYN that does not begin where the last one ended. numbers
 * are its sequence number and, above that, the one after it. */
__noinline int tcp_disorder(struct flow *flow, __u32 d, __u64 numbers)
{
	__u32 seq = numbers, end = numbers >> 32;
	struct dir_key key = { .direction = d & 1 };
	struct flow_dir *dir;

	if (!flow)
		return 0;
	key.flow_id = flow_id(flow);
	dir = &flow->dir[d & 1];
	if (seq_after(seq, dir->end))
		gap_open(&key, flow, dir->end, seq);
	else if (seq == end || repeats_probe(dir, seq, end, d & DISORDER_FIN))
		return 0;
	else if (gap_fill(&key, flow, seq, end))
		count_up(&flow->reordered[d & 1]);
	else
		count_up(&dir->retransmits);
	return 0;
}
