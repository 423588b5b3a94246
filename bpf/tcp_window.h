/* SPDX-License-Identifier: GPL-2.0 */
/* TCP sequence numbers: what a direction has sent, acknowledged and permitted,
 * and whether a segment is inside the window. */
#pragma once

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"

/* An ACK may lag by this much even if all windows were small (MAXACKWINCONST of
 * nf_conntrack_proto_tcp.c). */
#define MIN_ACK_LAG 66000
/* The window scale of a flow that is picked up midstream is unknown. */
#define MIDSTREAM_WSCALE MAX_WSCALE

enum window {
	WINDOW_INSIDE,
	/* A little older than a retransmission can be: it passes, and changes
	 * nothing. */
	WINDOW_OLD,
	WINDOW_OUTSIDE,
	/* Begins beyond the window and ends less than a window beyond it: it
	 * passes, and only raises the end of its direction. */
	WINDOW_BEYOND,
	/* Acknowledges what was never sent. */
	WINDOW_ACKS_UNSENT,
};

/* Serial number arithmetic, RFC 1982. */
static __always_inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static __always_inline bool seq_after(__u32 a, __u32 b)
{
	return seq_before(b, a);
}

/* Returns how far an ACK or a duplicate may lag: the largest window of the
 * direction that permits it. */
static __always_inline __u32 window_lag(const struct flow_dir *dir)
{
	return dir->max_window < MIN_ACK_LAG ? MIN_ACK_LAG : dir->max_window;
}

/* Reports whether a segment's ACK lags by more than a window (RFC 5961 section
 * 5). */
static __always_inline bool ack_is_old(const struct flow_dir *sender,
				       const struct flow_dir *receiver,
				       const struct packet *pkt)
{
	return seq_before(pkt->ack, receiver->end - window_lag(sender));
}

/* A segment that is older than this many windows cannot be of the connection.
 * One window was in flight, a sender may overrun another one, and the network
 * duplicates and delays. */
#define MAX_LAGS 4
#define MAX_OLD (1U << 30)

static __always_inline __u32 window_oldest(const struct flow_dir *dir)
{
	__u32 lag = window_lag(dir);

	return lag < MAX_OLD / MAX_LAGS ? lag * MAX_LAGS : MAX_OLD;
}

/* Decides about a segment below the window: old, or not of this connection. An
 * endpoint discards either (RFC 9293 3.10.7.4, RFC 5961 section 5.2). */
static __always_inline enum window window_below(const struct flow_dir *sender,
						const struct flow_dir *receiver,
						const struct packet *pkt)
{
	if (seq_before(pkt->end, receiver->acked - window_oldest(receiver)) ||
	    seq_before(pkt->ack, receiver->end - window_oldest(sender)))
		return WINDOW_OUTSIDE;
	return WINDOW_OLD;
}

/* Returns the first sequence number of the packet, also for a later
 * fragment. */
static __always_inline __u32 packet_begin(const struct packet *pkt)
{
	return pkt->kind == PACKET_FRAGMENT ? pkt->first_seq : pkt->seq;
}

/* Checks a segment against the window (RFC 9293 3.10.7.4 and RFC 5961 section
 * 5), as seen between the two endpoints. It may not begin beyond what the
 * receiver permits, nor acknowledge what the receiver never sent. Some senders
 * overrun the window, and some ACKs take another path, so a segment that ends
 * less than a window beyond it passes, as in nf_conntrack's tcp_in_window().
 * begin is packet_begin(). The receiver has sent something. */
static __always_inline enum window window_check(const struct flow_dir *sender,
						const struct flow_dir *receiver,
						const struct packet *pkt,
						__u32 begin)
{
	if (seq_after(pkt->ack, receiver->end))
		return WINDOW_ACKS_UNSENT;
	if (seq_after(begin, receiver->limit))
		return ack_is_old(sender, receiver, pkt) ||
				       pkt->end - receiver->limit >=
					       receiver->max_window ?
			       WINDOW_OUTSIDE :
			       WINDOW_BEYOND;
	if (seq_before(pkt->end, receiver->acked - receiver->max_window - 1) ||
	    ack_is_old(sender, receiver, pkt))
		return window_below(sender, receiver, pkt);
	return WINDOW_INSIDE;
}

/* The same for a segment of direction d. While nothing was heard of the receiver, it has
 * no numbers to check by. */
static __always_inline enum window tcp_window(const struct flow *flow,
					      __u64 control,
					      const struct packet *pkt,
					      __u32 begin, __u32 d)
{
	if (!flow_heard(flow, !d) || !has_flag(control, FLOW_SEEN, !d))
		return WINDOW_INSIDE;
	asm volatile("" ::: "memory");
	return window_check(&flow->dir[d & 1], &flow->dir[!d], pkt, begin);
}

/* Reports whether a number lies between two others, or below them by at most
 * lag. */
static __always_inline bool seq_near(__u32 seq, __u32 from, __u32 to, __u32 lag)
{
	return !seq_after(seq, to) && !seq_before(seq, from - lag);
}

/* Reports whether a segment goes on where its own direction was, though what the other one
 * acknowledged and sent may have taken the way by the partner: it begins within a window
 * of its direction's end, and acknowledges what that has permitted. */
__noinline int window_continues(const struct flow *flow,
				const struct packet *pkt, __u32 begin, __u32 d)
{
	const struct flow_dir *sender, *receiver;

	if (!flow || !pkt)
		return 0;
	sender = &flow->dir[d & 1];
	receiver = &flow->dir[!(d & 1)];
	return seq_near(begin, sender->end, sender->end + window_lag(receiver),
			window_oldest(receiver)) &&
	       seq_near(pkt->ack, sender->acked,
			sender->limit + sender->max_window,
			window_oldest(sender));
}

#define MAX_RAISES 4

/* Raises a sequence number that other CPUs may raise at the same time. */
static __always_inline void seq_raise_shared(__u32 *seq, __u32 to)
{
	int i;

	for (i = 0; i < MAX_RAISES; i++) {
		__u32 was = READ_ONCE(*seq);

		if (!seq_after(to, was) ||
		    __sync_val_compare_and_swap(seq, was, to) == was)
			return;
	}
}

static __always_inline void seq_raise(__u32 *seq, __u32 to, bool shared)
{
	if (!seq_after(to, *seq))
		return;
	if (shared)
		seq_raise_shared(seq, to);
	else
		*seq = to;
}

/* Updates a direction by a segment with ACK. */
static __always_inline void tcp_update(struct flow_dir *sender,
				       const struct packet *pkt, bool shared)
{
	__u32 window = pkt->window;

	if (!(pkt->tcp_flags & TCP_SYN))
		window <<= sender->wscale & 15;
	if (window > sender->max_window)
		sender->max_window = window;
	if (!window)
		count_up(&sender->zero_windows);
	seq_raise(&sender->end, pkt->end, shared);
	seq_raise(&sender->acked, pkt->ack, shared);
	/* A closed window still permits a probe of one byte. */
	seq_raise(&sender->limit, pkt->ack + window + !window, shared);
}

/* Sets acked and limit by the first ACK of a direction: seq_raise() compares
 * with them from then on. */
static __always_inline void tcp_first_ack(struct flow_dir *sender,
					  const struct packet *pkt)
{
	sender->acked = pkt->ack;
	sender->limit = pkt->ack;
}

/* Begins a direction by its SYN, or by its first segment if the flow is picked
 * up midstream. */
static __always_inline void tcp_begin(struct flow_dir *dir,
				      const struct packet *pkt)
{
	dir->end = pkt->end;
	dir->syn_seq = pkt->seq;
	dir->max_window = pkt->window;
	dir->wscale = pkt->wscale;
	if (!(pkt->tcp_flags & TCP_SYN))
		dir->wscale = MIDSTREAM_WSCALE;
	if (pkt->tcp_flags & TCP_ACK)
		tcp_first_ack(dir, pkt);
}

/* Both sides scale their windows only if both offered it (RFC 7323 2.2). */
static __always_inline void tcp_agree_wscale(struct flow_dir *a,
					     struct flow_dir *b)
{
	if (a->wscale != NO_WSCALE && b->wscale != NO_WSCALE)
		return;
	a->wscale = 0;
	b->wscale = 0;
}
