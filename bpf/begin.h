/* SPDX-License-Identifier: GPL-2.0 */
/* How flows begin: what their first packet makes of them. */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "ended.h"
#include "flow.h"
#include "group.h"
#include "packet.h"
#include "stats.h"
#include "table.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* The outcome for one packet: a verdict, and a reason where it is invalid or
 * untracked. */
#define OUTCOME(verdict, reason) ((verdict) | (reason) << 8)
#define OUTCOME_VERDICT(outcome) ((outcome)&0xff)
#define OUTCOME_REASON(outcome) ((outcome) >> 8 & 0xff)
/* No outcome yet: another packet changed the flow first; there is no flow; there
 * is no room for one; there is one already. */
#define OUTCOME_RETRY (-1)
#define OUTCOME_NO_FLOW (-2)
#define OUTCOME_FULL (-3)
#define OUTCOME_EXISTS (-4)
/* The flow was ended for another one to begin. */
#define OUTCOME_BEGIN (-5)
/* There is room for one, but not where its key leads. */
#define OUTCOME_CROWDED (-6)

/* No outcome yet: the packet begins a flow. */
#define OUTCOME_BEGINS (-7)

/* Begins a flow in a place, its first packet counted. NULL where there is none. */
static __always_inline struct flow *flow_begin(const struct packet *pkt,
					       __u32 d, __u64 now, __u32 number)
{
	struct flow *flow = flow_new(&pkt->key, number);

	if (!flow)
		return NULL;
	flow_note_link(flow, pkt, d);
	octets_count(flow, pkt, d);
	flow_count(flow_traffic(flow, d), pkt, traffic_is_shared(flow_traffic(flow, d)));
	flow->origin.last_seen_ticks = now;
	flow->reply.last_seen_ticks = d == REPLY ? now : 0;
	return flow;
}

/* The flags of a new flow whose first packet goes in direction d. */
static __always_inline __u32 flow_begin_flags(const struct packet *pkt, __u32 d)
{
	__u32 flags = flag_of(FLOW_SEEN, d);

	if (pkt->reversed != d)
		flags |= FLOW_REVERSED;
	if (pkt->side != d)
		flags |= FLOW_SIDE;
	return flags;
}

/* What a packet is whose flow could or could not be entered. */
static __always_inline int outcome_created(int err)
{
	if (err == -ENOSPC)
		return OUTCOME_CROWDED;
	if (err == -EEXIST)
		return OUTCOME_EXISTS;
	return OUTCOME(err ? VERDICT_UNTRACKED : VERDICT_NEW, 0);
}

/* What a packet is whose flow has no place. */
static __always_inline int outcome_full(const struct packet *pkt)
{
	return flow_look_up(&pkt->key) ? OUTCOME_EXISTS : OUTCOME_FULL;
}

/* A direction that is known by its SYN alone, of which only the end and the scale
 * were kept: the window is as much as an unscaled one can say. */
static __always_inline void tcp_begin_kept(struct flow_dir *dir, __u32 end,
					   __u8 wscale)
{
	dir->syn_seq = end - 1;
	dir->end = end;
	dir->wscale = wscale;
	dir->max_window = 0xffff;
}

/* Begins again with a SYN+ACK that answers a SYN which came in the old flow; the
 * SYN's sender, whose direction was !d there, is the origin. */
__noinline int tcp_create_answered(struct packet *pkt, __u32 pending_end,
				   __u32 pending_wscale, __u64 now)
{
	struct flow *flow;
	__u32 control;

	if (!pkt)
		return OUTCOME(VERDICT_UNTRACKED, 0);
	control = flow_begin_flags(pkt, REPLY) | STATE_SYN_RECV |
		  flag_of(FLOW_SYN_SENT, ORIGIN) |
		  flag_of(FLOW_SYN_SENT, REPLY) |
		  flag_of(FLOW_SYN_ACKED, ORIGIN);
	flow = flow_begin(pkt, REPLY, now, place_take_rare());
	if (!flow)
		return outcome_full(pkt);
	tcp_begin_kept(&flow->dir[ORIGIN], pending_end, pending_wscale);
	flow->dir[ORIGIN].acked = pkt->seq + 1;
	flow->dir[ORIGIN].limit = pkt->seq + 1 + 0xffff;
	tcp_begin(&flow->dir[REPLY], pkt);
	tcp_agree_wscale(&flow->dir[ORIGIN], &flow->dir[REPLY]);
	tcp_update(&flow->dir[REPLY], pkt, false);
	return outcome_created(flow_create_rare(&pkt->key, flow, control));
}

/* A TCP packet without a flow: a SYN opens one; what comes late for a flow that
 * ended passes; and a bare ACK opens one where nothing is enforced: its flow was
 * there before the tracker. What goes on with a handshake whose flow was evicted
 * begins it again. Adds to the flags of a flow that it begins. */
static __always_inline int tcp_first(struct packet *pkt, __u64 now,
				     __u32 *control)
{
	__u8 flags = pkt->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
	int wscale = 0;

	if (flags == TCP_SYN) {
		*control |= STATE_SYN_SENT | flag_of(FLOW_SYN_SENT, ORIGIN);
		return OUTCOME_BEGINS;
	}
	if (flags == (TCP_SYN | TCP_ACK))
		wscale = opening_recall(pkt, pkt->ack - 1, false);
	/* Its SYN may have passed the partner. */
	if (!wscale && flags == (TCP_SYN | TCP_ACK) && config.paired)
		wscale = MIDSTREAM_WSCALE + 1;
	if (wscale)
		return tcp_create_answered(pkt, pkt->ack, wscale - 1, now);
	if (ended_expects(pkt, now))
		return OUTCOME(VERDICT_ESTABLISHED, 0);
	/* The partner may know it. A SYN+ACK has begun a flow above. */
	if (flags != TCP_ACK && config.paired)
		return OUTCOME(VERDICT_ESTABLISHED, 0);
	if (flags != TCP_ACK ||
	    (!picks_up() && !opening_recall(pkt, pkt->seq - 1, true)))
		return OUTCOME(VERDICT_INVALID, INVALID_NO_FLOW);
	*control |= STATE_NEW | FLOW_MIDSTREAM;
	return OUTCOME_BEGINS;
}

/* Whether a packet without a flow begins one, with these flags. */
static __always_inline int first_begins(struct packet *pkt, __u64 now,
					__u32 *control)
{
	*control = flow_begin_flags(pkt, ORIGIN);
	if (pkt->kind == PACKET_FRAGMENT)
		return OUTCOME(VERDICT_UNTRACKED, UNTRACKED_FRAGMENT);
	if (pkt->key.proto == IPPROTO_TCP)
		return tcp_first(pkt, now, control);
	/* The partner may have heard the request. */
	if (pkt->icmp_answer)
		return config.paired || group_answered(pkt) ?
			       OUTCOME(VERDICT_RELATED, 0) :
			       OUTCOME(VERDICT_INVALID, INVALID_ICMP);
	*control |= STATE_NEW;
	return OUTCOME_BEGINS;
}

/* A packet without a flow. Most flows begin here, so all of it is in one piece. */
__noinline int track_first(struct packet *pkt, __u64 now)
{
	struct flow *flow;
	__u32 control;
	int outcome;

	if (!pkt)
		return OUTCOME(VERDICT_UNTRACKED, 0);
	outcome = first_begins(pkt, now, &control);
	if (outcome != OUTCOME_BEGINS)
		return outcome;
	flow = flow_begin(pkt, ORIGIN, now, place_take());
	if (!flow)
		return outcome_full(pkt);
	/* The verifier does not follow what is in a map: else it looks at all that comes
	 * once for each control. */
	WRITE_ONCE(flow->place, control);
	control = READ_ONCE(flow->place);
	if (pkt->key.proto == IPPROTO_TCP) {
		tcp_begin(&flow->dir[ORIGIN], pkt);
		if (control & FLOW_MIDSTREAM)
			tcp_update(&flow->dir[ORIGIN], pkt, false);
	}
	return outcome_created(flow_create(&pkt->key, flow, control));
}

/* Begins again with the ACK of a SYN+ACK that answered a SYN of the ACK's sender:
 * both came in the old flow. */
static __always_inline int tcp_create_opened(struct packet *pkt, __u64 ends,
					     __u32 wscales, __u64 now)
{
	struct flow *flow = flow_begin(pkt, ORIGIN, now, place_take_rare());
	__u32 control;

	if (!flow)
		return outcome_full(pkt);
	control = flow_begin_flags(pkt, ORIGIN) | flow_keep() |
		  STATE_ESTABLISHED | flag_of(FLOW_SEEN, REPLY) |
		  flag_of(FLOW_SYN_SENT, ORIGIN) |
		  flag_of(FLOW_SYN_SENT, REPLY) |
		  flag_of(FLOW_SYN_ACKED, ORIGIN) |
		  flag_of(FLOW_SYN_ACKED, REPLY);
	tcp_begin_kept(&flow->dir[ORIGIN], ends, wscales);
	tcp_begin_kept(&flow->dir[REPLY], ends >> 32, wscales >> 8);
	tcp_agree_wscale(&flow->dir[ORIGIN], &flow->dir[REPLY]);
	flow->dir[REPLY].acked = ends;
	flow->dir[REPLY].limit = (__u32)ends + 0xffff;
	tcp_first_ack(&flow->dir[ORIGIN], pkt);
	tcp_update(&flow->dir[ORIGIN], pkt, false);
	return outcome_created(flow_create_rare(&pkt->key, flow, control));
}

/* Ends a flow whose tuple is opened again; step keeps what of it the new one needs. */
static __always_inline int tcp_end_old(struct tcp_step *step,
				       struct packet *pkt, struct flow *flow,
				       __u64 control, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *other = &flow->dir[!d];

	step->ends = sender->pending_end | (__u64)other->pending_end << 32;
	step->wscales = sender->pending_wscale | other->pending_wscale << 8;
	if (!flow_destroy(flow, control, event_cause(REASON_REUSED, d)))
		return OUTCOME_RETRY;
	return OUTCOME_BEGIN;
}

/* Begins a flow in place of one that was ended for it. */
__noinline int tcp_begin_again(struct packet *pkt, __u64 now)
{
	struct tcp_step *step = tcp_step_get();

	if (!pkt || !step)
		return OUTCOME(VERDICT_UNTRACKED, 0);
	if (!(pkt->tcp_flags & TCP_SYN))
		return tcp_create_opened(pkt, step->ends, step->wscales, now);
	if (pkt->tcp_flags & TCP_ACK)
		return tcp_create_answered(pkt, step->ends >> 32,
					   step->wscales >> 8, now);
	return track_first(pkt, now);
}
