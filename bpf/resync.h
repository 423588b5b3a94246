/* SPDX-License-Identifier: GPL-2.0 */
/* A connection whose packets went another way for a while comes back with numbers
 * that its flow does not know. It is resynchronised once both directions agree on
 * the new ones: each acknowledges what the other sends.
 *
 * A blind attacker must not achieve that. It can forge both directions, but its
 * packets all come in by its own side, so one direction of the two would have to
 * come from the real endpoint, and that one says the numbers that the flow has
 * (RFC 5961: a challenge ACK).
 *
 * With policy enforce what is outside the window is dropped, and a receiver that
 * hears nothing says nothing. So of several segments that fit together one a second
 * passes: the receiver answers, whatever its numbers are (RFC 9293 3.10.7.4). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "packet.h"
#include "reorder.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* How long it is remembered what a direction says: as long as the longest pause
 * between two repetitions of a segment (RFC 6298 2.5, TCP_RTO_MAX of Linux). */
#define STRAY_NS (120ULL * 1000000000)
/* How long a direction's ACKs are waited for before its receiver is asked, and how
 * often that is done. A sender repeats no sooner (RFC 6298 2.4, TCP_RTO_MIN of
 * Linux). */
#define PATIENCE_NS 200000000ULL
#define QUESTION_NS 1000000000ULL
/* Numbers that are further apart do not belong together. */
#define MAX_STRAY_LAG (1U << 26)

/* What a direction has sent outside the window, and what it acknowledged and
 * permitted then. */
struct stray {
	__u32 begin;
	__u32 end;
	__u32 acked;
	__u32 limit;
	__u64 seen_ns;
	/* When its receiver may be asked. */
	__u64 ask_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct dir_key);
	__type(value, struct stray);
} strays SEC(".maps");

enum resync {
	/* The segment is not of this connection, as far as is known. */
	RESYNC_NO,
	/* Not yet, but the receiver is to be asked. */
	RESYNC_ASK,
	/* The flow has the numbers that both directions agree on. */
	RESYNC_DONE,
};

static __always_inline __u32 stray_lag(const struct flow_dir *dir)
{
	__u32 lag = window_lag(dir);

	return lag < MAX_STRAY_LAG ? lag : MAX_STRAY_LAG;
}

/* The window that a segment permits, from its ACK on. */
static __always_inline __u32 stray_limit(const struct flow_dir *sender,
					 const struct packet *pkt)
{
	return pkt->ack + (pkt->window << (sender->wscale & 15));
}

/* Whether a number lies between two others, or below them by no more than lag. */
static __always_inline bool seq_near(__u32 seq, __u32 from, __u32 to, __u32 lag)
{
	return !seq_after(seq, to) && !seq_before(seq, from - lag);
}

/* Whether the segment and what the other direction said last acknowledge each
 * other. */
static __always_inline bool stray_agrees(const struct stray *other,
					 const struct packet *pkt, __u32 lag)
{
	return seq_near(pkt->ack, other->begin, other->end, lag) &&
	       seq_near(pkt->seq, other->acked, other->limit, lag);
}

/* Whether an ACK of one direction cannot be by the numbers of the flow: it
 * acknowledges what the other direction never sent, or sent very long ago. */
static __always_inline bool stray_contradicts(const struct flow_dir *sender,
					      const struct flow_dir *receiver,
					      __u32 ack)
{
	return !seq_near(ack, receiver->end, receiver->end,
			 window_oldest(sender));
}

/* Gives the flow the numbers of both directions. */
static __always_inline void resync_flow(struct flow_dir *sender,
					struct flow_dir *receiver,
					const struct stray *other,
					const struct packet *pkt)
{
	receiver->end = other->end;
	receiver->acked = other->acked;
	receiver->limit = other->limit;
	/* What the other direction acknowledged was sent. */
	sender->end = seq_after(other->acked, pkt->seq) ? other->acked :
							  pkt->seq;
	sender->acked = pkt->ack;
	sender->limit = stray_limit(sender, pkt);
}

/* Whether the segment fits what its direction said before. */
static __always_inline bool stray_continues(const struct stray *stray,
					    const struct packet *pkt, __u32 lag)
{
	return seq_near(pkt->seq, stray->begin, stray->end + lag, lag) &&
	       seq_near(pkt->ack, stray->acked, stray->acked + lag, lag);
}

/* Remembers what a direction says. Reports whether it said the like before, so
 * that its receiver is to be asked. */
static __always_inline bool stray_note(const struct dir_key *key,
				       const struct flow_dir *sender,
				       const struct packet *pkt, __u32 lag)
{
	struct stray *stray = bpf_map_lookup_elem(&strays, key);
	struct stray first = {
		.begin = pkt->seq,
		.end = pkt->end,
		.acked = pkt->ack,
		.limit = stray_limit(sender, pkt),
		.seen_ns = clock_ns(),
	};

	if (!stray || first.seen_ns - stray->seen_ns > STRAY_NS ||
	    !stray_continues(stray, pkt, lag)) {
		first.ask_ns = first.seen_ns + PATIENCE_NS;
		bpf_map_update_elem(&strays, key, &first, BPF_ANY);
		return false;
	}
	stray->seen_ns = first.seen_ns;
	seq_raise(&stray->end, pkt->end, false);
	/* Nothing but the last lag of it can be acknowledged now. */
	if (stray->end - stray->begin > lag)
		stray->begin = stray->end - lag;
	if (!seq_before(pkt->ack, stray->acked)) {
		stray->acked = pkt->ack;
		stray->limit = first.limit;
	}
	if (first.seen_ns < stray->ask_ns)
		return false;
	stray->ask_ns = first.seen_ns + QUESTION_NS;
	return true;
}

/* Looks at a segment with ACK, and neither SYN nor RST, that is outside the window
 * of an open flow. Returns an enum resync. */
__noinline int resync_try(struct packet *pkt, struct flow *flow, __u32 d)
{
	struct dir_key key = { .direction = d & 1 };
	struct flow_dir *sender, *receiver;
	struct stray *other;
	__u32 lag;

	if (!pkt || !flow || !flow_side_fits(READ_ONCE(flow->control), pkt, d))
		return RESYNC_NO;
	sender = &flow->dir[d & 1];
	receiver = &flow->dir[!(d & 1)];
	lag = stray_lag(sender);
	if (lag < stray_lag(receiver))
		lag = stray_lag(receiver);
	key.flow_id = flow_id(flow);
	key.direction ^= 1;
	other = bpf_map_lookup_elem(&strays, &key);
	if (other && clock_ns() - other->seen_ns <= STRAY_NS &&
	    stray_agrees(other, pkt, lag) &&
	    (stray_contradicts(sender, receiver, pkt->ack) ||
	     stray_contradicts(receiver, sender, other->acked))) {
		resync_flow(sender, receiver, other, pkt);
		bpf_map_delete_elem(&strays, &key);
		key.direction ^= 1;
		bpf_map_delete_elem(&strays, &key);
		return RESYNC_DONE;
	}
	key.direction ^= 1;
	return stray_note(&key, sender, pkt, lag) ? RESYNC_ASK : RESYNC_NO;
}
