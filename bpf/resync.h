/* SPDX-License-Identifier: GPL-2.0 */
/* Resynchronises a flow whose packets took another path for a while. They come
 * back with numbers outside the window. The flow takes these over once both
 * directions agree on them: each acknowledges what the other sends.
 *
 * A blind attacker must not achieve that. It can forge both directions, but all
 * its packets come in by its own side. The segment of the other direction must
 * come from the real endpoint, whose numbers are those of the flow: it sends a
 * challenge ACK (RFC 5961).
 *
 * With policy enforce, segments outside the window are dropped, so the receiver
 * would never answer. Therefore one segment per second passes if it continues
 * earlier ones. The receiver answers it with its own numbers, whatever they are
 * (RFC 9293 3.10.7.4). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "packet.h"
#include "recent.h"
#include "reorder.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* How long segments outside the window are remembered: the longest pause
 * between two retransmissions (RFC 6298 2.5, TCP_RTO_MAX of Linux). */
#define RESYNC_NS (120ULL * 1000000000)
/* When the first segment may pass to ask the receiver, and how often one may
 * after that. A sender retransmits no sooner (RFC 6298 2.4, TCP_RTO_MIN of
 * Linux). */
#define ASK_DELAY_NS 200000000ULL
#define ASK_INTERVAL_NS 1000000000ULL
/* Numbers that are further apart do not belong together. */
#define MAX_RESYNC_LAG (1U << 26)

/* What a direction has sent outside the window, and what it acknowledged and
 * permitted there. */
struct resync_dir {
	__u64 seen_ns;
	/* The earliest time for a segment to pass and ask the receiver. */
	__u64 ask_ns;
	__u32 begin;
	__u32 end;
	__u32 acked;
	__u32 limit;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct dir_key);
	__type(value, struct resync_dir);
} resyncs SEC(".maps");

enum resync {
	/* The directions do not agree. */
	RESYNC_NO,
	/* Not yet either, but the segment may pass to ask its receiver. */
	RESYNC_ASK,
	/* The flow has taken over the numbers that both directions agree on. */
	RESYNC_DONE,
};

static __always_inline __u32 resync_lag(const struct flow_dir *dir)
{
	__u32 lag = window_lag(dir);

	return lag < MAX_RESYNC_LAG ? lag : MAX_RESYNC_LAG;
}

/* Returns the end of what a segment permits the other direction to send. */
static __always_inline __u32 resync_limit(const struct flow_dir *sender,
					  const struct packet *pkt)
{
	return pkt->ack + (pkt->window << (sender->wscale & 15));
}

/* Reports whether the segment and those of the other direction acknowledge each
 * other. */
static __always_inline bool resync_agrees(const struct resync_dir *other,
					  const struct packet *pkt, __u32 lag)
{
	return seq_near(pkt->ack, other->begin, other->end, lag) &&
	       seq_near(pkt->seq, other->acked, other->limit, lag);
}

/* Reports whether an ACK contradicts the numbers of the flow: it acknowledges
 * what the other direction never sent, or sent very long ago. */
static __always_inline bool resync_contradicts(const struct flow_dir *sender,
					       const struct flow_dir *receiver,
					       __u32 ack)
{
	return !seq_near(ack, receiver->end, receiver->end,
			 window_oldest(sender));
}

/* Gives the flow the numbers of both directions. */
static __always_inline void resync_flow(struct flow_dir *sender,
					struct flow_dir *receiver,
					const struct resync_dir *other,
					const struct packet *pkt)
{
	receiver->end = other->end;
	receiver->acked = other->acked;
	receiver->limit = other->limit;
	/* The sender has sent all that the other direction acknowledged. */
	sender->end = seq_after(other->acked, pkt->seq) ? other->acked :
							  pkt->seq;
	sender->acked = pkt->ack;
	sender->limit = resync_limit(sender, pkt);
}

/* Reports whether the segment continues earlier ones of its direction. */
static __always_inline bool resync_continues(const struct resync_dir *dir,
					     const struct packet *pkt,
					     __u32 lag)
{
	return seq_near(pkt->seq, dir->begin, dir->end + lag, lag) &&
	       seq_near(pkt->ack, dir->acked, dir->acked + lag, lag);
}

/* Remembers a segment outside the window. Reports whether it may pass to ask
 * the receiver. */
static __always_inline bool resync_note(const struct dir_key *key,
					const struct flow_dir *sender,
					const struct packet *pkt, __u32 lag)
{
	struct resync_dir first = {
		.begin = pkt->seq,
		.end = pkt->end,
		.acked = pkt->ack,
		.limit = resync_limit(sender, pkt),
		.seen_ns = clock_ns(),
	};
	struct resync_dir *dir = recent_find(&resyncs, key, first.seen_ns,
					     RESYNC_NS);

	if (!dir || !resync_continues(dir, pkt, lag)) {
		first.ask_ns = first.seen_ns + ASK_DELAY_NS;
		bpf_map_update_elem(&resyncs, key, &first, BPF_ANY);
		return false;
	}
	dir->seen_ns = first.seen_ns;
	seq_raise(&dir->end, pkt->end, false);
	/* The receiver acknowledges nothing older than that now. */
	if (dir->end - dir->begin > lag)
		dir->begin = dir->end - lag;
	if (!seq_before(pkt->ack, dir->acked)) {
		dir->acked = pkt->ack;
		dir->limit = first.limit;
	}
	if (first.seen_ns < dir->ask_ns)
		return false;
	dir->ask_ns = first.seen_ns + ASK_INTERVAL_NS;
	return true;
}

/* Handles a segment outside the window of an open flow. It has ACK, and neither
 * SYN nor RST. Returns an enum resync. */
__noinline int resync_try(struct packet *pkt, struct flow *flow, __u32 d)
{
	struct dir_key key = { .direction = d & 1 };
	struct flow_dir *sender, *receiver;
	struct resync_dir *other;
	__u32 lag;

	if (!pkt || !flow || !flow_side_fits(READ_ONCE(flow->control), pkt, d))
		return RESYNC_NO;
	sender = &flow->dir[d & 1];
	receiver = &flow->dir[!(d & 1)];
	lag = resync_lag(sender);
	if (lag < resync_lag(receiver))
		lag = resync_lag(receiver);
	key.flow_id = flow_id(flow);
	key.direction ^= 1;
	other = recent_find(&resyncs, &key, clock_ns(), RESYNC_NS);
	if (other && resync_agrees(other, pkt, lag) &&
	    (resync_contradicts(sender, receiver, pkt->ack) ||
	     resync_contradicts(receiver, sender, other->acked))) {
		resync_flow(sender, receiver, other, pkt);
		bpf_map_delete_elem(&resyncs, &key);
		key.direction ^= 1;
		bpf_map_delete_elem(&resyncs, &key);
		return RESYNC_DONE;
	}
	key.direction ^= 1;
	return resync_note(&key, sender, pkt, lag) ? RESYNC_ASK : RESYNC_NO;
}
