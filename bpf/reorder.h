/* SPDX-License-Identifier: GPL-2.0 */
/* Segments out of order: retransmitted, or only reordered by the network?
 *
 * A segment that begins after the end of its direction leaves a gap. A segment
 * that fits into the gap is reordered if it arrives within half a round trip: a
 * sender retransmits it only after an acknowledgement has reported the gap,
 * which takes a whole round trip. Any other segment below the end is a
 * retransmission.
 *
 * Gaps are rare, so they are in a map of their own, one per direction of a
 * flow. Two gaps at a time are merged. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "tcp_window.h"

/* The round trip time of a flow whose handshake did not measure it. */
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

/* Reports whether the gap is so recent that its sender cannot know of it. */
static __always_inline bool gap_is_young(const struct gap *gap,
					 const struct flow *flow, __u64 now_ns)
{
	__u64 origin = flow->origin.rtt_us;
	__u64 reply = flow->reply.rtt_us;
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

/* Takes a segment out of the gap. Reports whether it was reordered. */
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

/* A bit of tcp_disorder()'s argument d: the segment has a FIN. */
#define DISORDER_FIN 2

/* Reports whether a segment repeats only the last number sent, which may be the
 * byte of a keepalive or of a window probe. After a window probe, data begins
 * with that byte. A FIN alone is no probe. */
static __always_inline bool repeats_probe(const struct flow_dir *dir, __u32 seq,
					  __u32 end, bool fin)
{
	return seq == dir->end - 1 && !(fin && end == dir->end);
}

/* Counts a segment without SYN that does not begin at the end of its direction.
 * numbers holds its sequence number in the low half, its end in the high
 * one. */
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
		count_up(&flow_traffic(flow, d)->reordered);
	else
		count_up(&flow_traffic(flow, d)->retransmits);
	return 0;
}
