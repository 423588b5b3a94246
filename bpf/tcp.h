/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: what a segment means for its flow.
 *
 * tcp_step() decides and changes nothing; tcp_apply() does what was decided,
 * once the flow has been found to be still what the decision was made by.
 * Data and ACKs of an established flow take the short way in track.h. */
#pragma once

#include <linux/bpf.h>

#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "table.h"
#include "tcp_window.h"

/* How often an unanswered SYN may refresh its flow. Linux repeats 6 times. */
#define MAX_SYN_REFRESH 8

enum tcp_action {
	/* Take over the segment's numbers; keep the flow alive. */
	TCP_UPDATE = 1 << 0,
	TCP_REFRESH = 1 << 1,
	/* The SYN begins this direction. */
	TCP_BEGIN = 1 << 2,
	/* Remember the SYN until it is answered. */
	TCP_REMEMBER = 1 << 3,
	TCP_FINISH = 1 << 4,
	/* The SYN was said again. */
	TCP_REPEAT = 1 << 7,
	/* Remember the SYN that another one takes the place of. */
	TCP_KEEP_OLD = 1 << 8,
	/* End the flow; end it and begin anew with this segment. */
	TCP_END = 1 << 5,
	TCP_RESTART = 1 << 6,
};

struct tcp_step {
	/* What control becomes. */
	__u64 control;
	__u32 actions;
	__u8 verdict;
	__u8 invalid;
	__u8 reason;
};

/* The combinations that mean something: S SU SA R RA F/A F/A/U A A/U, with PSH,
 * ECE and CWR as they like. One bit for each value of the six flags. */
static __always_inline bool tcp_flags_valid(__u8 flags)
{
	const __u64 valid = 1ULL << TCP_SYN | 1ULL << (TCP_SYN | TCP_URG) |
			    1ULL << (TCP_SYN | TCP_ACK) | 1ULL << TCP_RST |
			    1ULL << (TCP_RST | TCP_ACK) |
			    1ULL << (TCP_FIN | TCP_ACK) |
			    1ULL << (TCP_FIN | TCP_ACK | TCP_URG) |
			    1ULL << TCP_ACK | 1ULL << (TCP_ACK | TCP_URG);

	return valid >> (flags & 0x37) & 1;
}

/* The fast path: data and ACKs of an established flow. No lock, no event, no
 * store but to the direction's own cache line. */
static __always_inline bool tcp_is_plain(const struct packet *pkt)
{
	return (pkt->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) ==
	       TCP_ACK;
}

static __always_inline void tcp_invalid(struct tcp_step *step,
					enum invalid reason)
{
	step->verdict = VERDICT_INVALID;
	step->invalid = reason;
	step->actions = 0;
}

static __always_inline __u64 flag_of(enum flow_flag flag, __u32 direction)
{
	return (__u64)flag << (direction & 1);
}

static __always_inline bool has_flag(__u64 control, enum flow_flag flag,
				     __u32 direction)
{
	return control & flag_of(flag, direction);
}

static __always_inline bool handshake_done(__u64 control)
{
	return has_flag(control, FLOW_SYN_ACKED, ORIGIN) &&
	       has_flag(control, FLOW_SYN_ACKED, REPLY);
}

/* The tuple is opened again. */
static __always_inline void tcp_step_restart(struct tcp_step *step)
{
	step->actions = TCP_RESTART;
	step->reason = REASON_REUSED;
}

/* A SYN before the handshake is done. */
static __always_inline void tcp_step_syn(struct tcp_step *step,
					 const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == sender->syn_seq) {
		/* Unanswered it does not live for ever. */
		step->actions = TCP_REPEAT;
		if (sender->retransmits < MAX_SYN_REFRESH)
			step->actions |= TCP_REFRESH;
		return;
	}
	step->actions = TCP_REFRESH;
	if (has_flag(step->control, FLOW_SYN_SENT, d)) {
		/* Either may be the one that is answered. */
		step->control |= flag_of(FLOW_SYN_PENDING, d);
		if (control_state(step->control) != STATE_SYN_SENT) {
			step->actions |= TCP_REMEMBER;
			return;
		}
		step->actions |= TCP_KEEP_OLD;
	}
	step->control |= flag_of(FLOW_SYN_SENT, d);
	step->actions |= TCP_BEGIN;
	/* The other side's own SYN: simultaneous open, RFC 9293 figure 7. */
	if (d == REPLY)
		step->control = control_with_state(step->control, STATE_SYN_RECV);
}

/* Whether an ACK from direction d covers the other side's SYN and acknowledges
 * nothing that was not sent. */
static __always_inline bool acks_syn(const struct flow *flow,
				     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *other = &flow->dir[!d];

	return seq_after(pkt->ack, other->syn_seq) &&
	       !seq_after(pkt->ack, other->end);
}

static __always_inline bool acks_pending(const struct flow *flow, __u64 control,
					 const struct packet *pkt, __u32 d)
{
	return has_flag(control, FLOW_SYN_PENDING, !d) &&
	       pkt->ack == flow->dir[!d].pending_seq + 1;
}

/* A SYN+ACK, whatever the state. */
static __always_inline void tcp_step_syn_ack(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool again = has_flag(step->control, FLOW_SYN_SENT, d) &&
		     pkt->seq == sender->syn_seq;

	if (acks_pending(flow, step->control, pkt, d)) {
		tcp_step_restart(step);
		return;
	}
	if (handshake_done(step->control)) {
		if (!again)
			tcp_invalid(step, INVALID_STATE);
		else
			step->actions = TCP_REFRESH;
		return;
	}
	if (!has_flag(step->control, FLOW_SYN_SENT, !d) ||
	    !acks_syn(flow, pkt, d)) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	step->control |= flag_of(FLOW_SYN_SENT, d) |
			 flag_of(FLOW_SYN_ACKED, !d);
	step->actions = TCP_UPDATE | TCP_REFRESH;
	if (!again) {
		/* Nobody has acknowledged this one. */
		step->control &= ~flag_of(FLOW_SYN_ACKED, d);
		step->actions |= TCP_BEGIN;
	}
	step->control = control_with_state(step->control,
					   handshake_done(step->control) ?
						   STATE_ESTABLISHED :
						   STATE_SYN_RECV);
}

/* A FIN that comes before its flow is open: the state follows later. */
static __always_inline void tcp_step_early_fin(struct tcp_step *step,
					       const struct packet *pkt, __u32 d)
{
	if (!(pkt->tcp_flags & TCP_FIN))
		return;
	step->control |= flag_of(FLOW_FIN_SENT, d);
	step->actions |= TCP_FINISH;
}

/* A FIN in a flow whose handshake is done. */
static __always_inline void tcp_step_fin(struct tcp_step *step, __u32 d)
{
	enum flow_state state = control_state(step->control);

	if (has_flag(step->control, FLOW_FIN_SENT, d))
		return;
	step->control |= flag_of(FLOW_FIN_SENT, d);
	step->actions |= TCP_FINISH;
	if (state == STATE_ESTABLISHED) {
		state = STATE_FIN_WAIT_1;
		if (d == REPLY)
			step->control |= FLOW_FIN_REPLY_FIRST;
	} else if (state == STATE_FIN_WAIT_1) {
		state = STATE_LAST_ACK;
	} else if (state == STATE_FIN_WAIT_2) {
		state = STATE_TIME_WAIT;
	}
	step->control = control_with_state(step->control, state);
}

/* Whether the other side's FIN is acknowledged by number. */
static __always_inline void tcp_step_fin_acked(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt, __u32 d)
{
	if (!has_flag(step->control, FLOW_FIN_SENT, !d) ||
	    seq_before(pkt->ack, flow->dir[!d].fin_end))
		return;
	step->control |= flag_of(FLOW_FIN_ACKED, !d);
}

/* Moves on what acknowledged FINs finish. */
static __always_inline void tcp_step_closing(struct tcp_step *step)
{
	bool origin = has_flag(step->control, FLOW_FIN_ACKED, ORIGIN);
	bool reply = has_flag(step->control, FLOW_FIN_ACKED, REPLY);
	enum flow_state state = control_state(step->control);

	if (state == STATE_FIN_WAIT_1 && (origin || reply)) {
		step->control = control_with_state(step->control,
						   STATE_FIN_WAIT_2);
	} else if (state == STATE_LAST_ACK && origin && reply) {
		step->actions = TCP_REFRESH | TCP_END;
		step->reason = REASON_CLOSED;
	}
}

/* Opens the flow. FINs may have come before that, and the segment that opens it
 * may acknowledge them. */
static __always_inline void tcp_step_opened(struct tcp_step *step,
					    const struct flow *flow,
					    const struct packet *pkt, __u32 d)
{
	bool origin = has_flag(step->control, FLOW_FIN_SENT, ORIGIN);
	bool reply = has_flag(step->control, FLOW_FIN_SENT, REPLY);
	enum flow_state state = STATE_ESTABLISHED;

	if (origin && reply)
		state = STATE_LAST_ACK;
	else if (origin || reply)
		state = STATE_FIN_WAIT_1;
	if (reply && !(origin && d == REPLY))
		step->control |= FLOW_FIN_REPLY_FIRST;
	step->control = control_with_state(step->control, state);
	tcp_step_fin_acked(step, flow, pkt, d);
	tcp_step_closing(step);
}

/* An ACK, with or without data or FIN, before the handshake is done. */
static __always_inline void tcp_step_opening(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool both = has_flag(step->control, FLOW_SYN_SENT, d) &&
		    has_flag(step->control, FLOW_SYN_SENT, !d);

	/* What the other side permits is known once both have said SYN. */
	if (both && (seq_after(pkt->seq, flow->dir[!d].limit) ||
		     seq_after(pkt->ack, flow->dir[!d].end))) {
		tcp_invalid(step, INVALID_WINDOW);
		return;
	}
	if (!has_flag(step->control, FLOW_SYN_SENT, !d) ||
	    !acks_syn(flow, pkt, d)) {
		/* The challenge of an older connection is an ACK and nothing
		 * else; the RST that it provokes makes room for the new one. */
		if (!both && (pkt->end != pkt->seq ||
			      !has_flag(step->control, FLOW_SYN_SENT, !d)))
			tcp_invalid(step, INVALID_STATE);
		else
			step->actions = TCP_REFRESH;
		return;
	}
	/* Older than the SYN: it completes nothing. */
	if (both && seq_before(pkt->end, sender->end)) {
		step->actions = TCP_REFRESH;
		return;
	}
	step->control |= flag_of(FLOW_SYN_ACKED, !d);
	step->actions = TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, pkt, d);
	if (handshake_done(step->control))
		tcp_step_opened(step, flow, pkt, d);
}

/* The first answer in a flow that was picked up midstream. */
static __always_inline void tcp_step_midstream(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt, __u32 d)
{
	step->control |= flag_of(FLOW_SYN_ACKED, ORIGIN) |
			 flag_of(FLOW_SYN_ACKED, REPLY);
	step->actions = TCP_BEGIN | TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, pkt, d);
	tcp_step_opened(step, flow, pkt, d);
}

/* Midstream, and not answered yet. */
static __always_inline void tcp_step_unanswered(struct tcp_step *step,
						const struct packet *pkt,
						__u32 d)
{
	step->actions = TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, pkt, d);
}

/* Data beyond the direction's FIN: it was somebody else's. */
static __always_inline bool tcp_fin_was_false(const struct flow *flow,
					      __u64 control,
					      const struct packet *pkt, __u32 d)
{
	enum flow_state state = control_state(control);

	return (state == STATE_FIN_WAIT_1 || state == STATE_FIN_WAIT_2) &&
	       has_flag(control, FLOW_FIN_SENT, d) &&
	       seq_after(pkt->end, flow->dir[d & 1].fin_end);
}

/* An ACK, with or without data or FIN, after the handshake. */
static __always_inline void tcp_step_open(struct tcp_step *step,
					  const struct flow *flow,
					  const struct packet *pkt, __u32 d)
{
	enum window window = tcp_window(&flow->dir[d & 1], &flow->dir[!d], pkt);

	if (window == WINDOW_OUTSIDE || window == WINDOW_UNSENT) {
		tcp_invalid(step, INVALID_WINDOW);
		return;
	}
	step->actions = TCP_REFRESH;
	if (window == WINDOW_OLD)
		return;
	step->actions |= TCP_UPDATE;
	if (tcp_fin_was_false(flow, step->control, pkt, d)) {
		step->control &= ~(flag_of(FLOW_FIN_SENT, d) |
				   flag_of(FLOW_FIN_ACKED, d) |
				   FLOW_FIN_REPLY_FIRST);
		step->control = control_with_state(step->control,
						   STATE_ESTABLISHED);
	}
	/* First its own FIN: one that also acknowledges the other side's leads
	 * to LAST_ACK, not TIME_WAIT. A FIN is the last of what was sent, or
	 * it is no FIN of this flow. */
	if (pkt->tcp_flags & TCP_FIN &&
	    !seq_before(pkt->end, flow->dir[d & 1].end))
		tcp_step_fin(step, d);
	tcp_step_fin_acked(step, flow, pkt, d);
	tcp_step_closing(step);
}

/* A SYN in a flow whose handshake is done. */
static __always_inline void tcp_step_reopen(struct tcp_step *step,
					    const struct flow *flow,
					    const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	/* The first SYN, late. */
	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == sender->syn_seq) {
		step->actions = TCP_REFRESH;
		return;
	}
	/* RFC 9293 3.10.7.4: TIME_WAIT gives way to a higher number. */
	if (control_state(step->control) == STATE_TIME_WAIT &&
	    seq_after(pkt->seq, sender->end)) {
		tcp_step_restart(step);
		return;
	}
	step->control |= flag_of(FLOW_SYN_PENDING, d);
	step->actions = TCP_REMEMBER;
}

/* Whether the receiver has acknowledged anything, so that its numbers mean
 * something. */
static __always_inline bool rst_is_judged(__u64 control,
					  const struct flow_dir *receiver,
					  __u32 d)
{
	return has_flag(control, FLOW_SYN_ACKED, d) ||
	       (control & FLOW_MIDSTREAM && receiver->packets);
}

static __always_inline bool rst_is_exact(const struct flow_dir *sender,
					 const struct flow_dir *receiver,
					 const struct packet *pkt, bool judged)
{
	return (sender->packets && pkt->seq == sender->end) ||
	       (judged && pkt->seq == receiver->acked);
}

static __always_inline bool rst_is_inside(const struct flow_dir *sender,
					  const struct flow_dir *receiver,
					  const struct packet *pkt, bool judged)
{
	__u32 base = sender->packets ? sender->end : receiver->acked;
	__u32 lag = receiver->max_window;

	if (!judged)
		return false;
	if (lag < MIN_ACK_LAG)
		lag = MIN_ACK_LAG;
	return !seq_after(pkt->seq, receiver->limit) &&
	       !seq_before(pkt->seq, base - lag);
}

/* A RST, whatever the state (RFC 5961 section 3). */
static __always_inline void tcp_step_rst(struct tcp_step *step,
					 const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!d];
	enum flow_state state = control_state(step->control);
	bool judged = rst_is_judged(step->control, receiver, d);
	bool ends, passes;

	if (state == STATE_SYN_SENT && d == REPLY) {
		/* A refusal names the SYN that it refuses (RFC 9293 3.10.7.3). */
		ends = (pkt->tcp_flags & TCP_ACK) &&
		       (pkt->ack == receiver->syn_seq + 1 ||
			pkt->ack == receiver->end);
		if (!ends) {
			tcp_invalid(step, INVALID_RESET);
			return;
		}
	} else {
		ends = rst_is_exact(sender, receiver, pkt, judged);
	}
	/* The answer of an older connection provokes a RST with its number. */
	passes = state == STATE_SYN_SENT ? receiver->packets :
					   rst_is_inside(sender, receiver, pkt,
							 judged);
	if (!ends && !passes) {
		tcp_invalid(step, INVALID_RESET);
		return;
	}
	/* A flow that is closing is over for whoever sends a RST. */
	if (state >= STATE_FIN_WAIT_1 && state <= STATE_TIME_WAIT)
		ends = true;
	step->actions = TCP_REFRESH;
	if (ends) {
		step->actions |= TCP_END;
		step->reason = REASON_RST;
	}
}

static __always_inline void tcp_step(struct tcp_step *step,
				     const struct flow *flow, __u64 control,
				     const struct packet *pkt, __u32 d)
{
	step->control = control | flag_of(FLOW_SEEN, d);
	step->verdict = VERDICT_ESTABLISHED;
	step->invalid = 0;
	step->reason = REASON_NONE;
	step->actions = 0;

	if (pkt->tcp_flags & TCP_RST)
		tcp_step_rst(step, flow, pkt, d);
	else if ((pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		tcp_step_syn_ack(step, flow, pkt, d);
	else if (pkt->tcp_flags & TCP_SYN && handshake_done(control))
		tcp_step_reopen(step, flow, pkt, d);
	else if (pkt->tcp_flags & TCP_SYN && control_state(control) == STATE_NEW)
		tcp_step_restart(step);
	else if (pkt->tcp_flags & TCP_SYN)
		tcp_step_syn(step, flow, pkt, d);
	else if (control & FLOW_MIDSTREAM && !has_flag(control, FLOW_SEEN, d))
		tcp_step_midstream(step, flow, pkt, d);
	else if (control_state(control) == STATE_NEW)
		tcp_step_unanswered(step, pkt, d);
	else if (!handshake_done(control))
		tcp_step_opening(step, flow, pkt, d);
	else
		tcp_step_open(step, flow, pkt, d);
	/* Until it is answered, all of a flow is new. */
	if (d == ORIGIN && !has_flag(control, FLOW_SEEN, REPLY) &&
	    step->verdict == VERDICT_ESTABLISHED)
		step->verdict = VERDICT_NEW;
}

/* Takes a direction's numbers from its first segment, be that a SYN or what was
 * seen first midstream. */
static __always_inline void tcp_apply_begin(struct flow_dir *sender,
					    struct flow_dir *other,
					    const struct packet *pkt)
{
	tcp_begin(sender, pkt);
	if (pkt->tcp_flags & TCP_SYN) {
		if (!other->packets)
			return;
		tcp_agree_wscale(sender, other);
		/* Until it acknowledges, the other side permits what the window
		 * in its own SYN says. */
		other->acked = pkt->seq + 1;
		other->limit = other->acked + other->max_window;
	} else if (seq_after(pkt->ack, other->end)) {
		/* It may acknowledge what was sent before our time. */
		other->end = pkt->ack;
	}
}

/* Does to the direction what was decided; before is control as it was. */
static __always_inline void tcp_apply(struct flow *flow,
				      const struct packet *pkt,
				      const struct tcp_step *step, __u64 before,
				      __u32 d, bool shared)
{
	struct flow_dir *sender = &flow->dir[d & 1];

	if (step->actions & TCP_KEEP_OLD) {
		sender->pending_seq = sender->syn_seq;
		sender->pending_wscale = sender->wscale;
	}
	if (step->actions & TCP_BEGIN)
		tcp_apply_begin(sender, &flow->dir[!d], pkt);
	else if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK &&
		 !has_flag(before, FLOW_SYN_ACKED, !d))
		tcp_first_ack(sender, pkt);
	if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK)
		tcp_update(sender, pkt, shared);
	if (step->actions & TCP_REMEMBER) {
		sender->pending_seq = pkt->seq;
		sender->pending_wscale = pkt->wscale;
	}
	if (step->actions & TCP_FINISH)
		sender->fin_end = pkt->end;
	if (step->actions & TCP_REPEAT)
		count_up(&sender->retransmits);
}

