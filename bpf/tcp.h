/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: what a segment means for its flow.
 *
 * tcp_step() decides and changes nothing; tcp_apply() does what was decided,
 * once the flow has been found to be still what the decision was made by.
 * Data and ACKs of an established flow take the short way in track.h. */
#pragma once

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "reorder.h"
#include "stats.h"
#include "tcp_close.h"
#include "tcp_open.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* An ACK, with or without data or FIN, after the handshake. */
static __always_inline void tcp_step_open(struct tcp_step *step,
					  const struct flow *flow,
					  const struct packet *pkt, __u32 d)
{
	enum window window =
		tcp_window(&flow->dir[d & 1], &flow->dir[!d], pkt,
			   packet_begin(pkt));

	if (tcp_began_anew(flow, step->control, pkt, d)) {
		tcp_step_restart(step);
		return;
	}
	if (window == WINDOW_OUTSIDE || window == WINDOW_UNSENT) {
		tcp_invalid(step, INVALID_WINDOW);
		return;
	}
	if (window == WINDOW_OLD) {
		step->actions = TCP_OLD;
		return;
	}
	step->actions = TCP_REFRESH;
	step->control &= ~flags_of(FLOW_ENDED_OUTSIDE);
	if (window == WINDOW_BEYOND) {
		step->actions |= TCP_EXTEND;
		return;
	}
	/* This side has not begun anew. */
	step->control &= ~flag_of(FLOW_SYN_ACK_PENDING, !d);
	step->actions |= TCP_UPDATE;
	if (tcp_fin_was_false(flow, step->control, pkt, d)) {
		step->control &= ~(flag_of(FLOW_FIN_SENT, d) |
				   flag_of(FLOW_FIN_ACKED, d) |
				   FLOW_FIN_REPLY_FIRST);
		step->control = control_with_state(step->control,
						   STATE_ESTABLISHED);
	}
	/* First its own FIN: one that also acknowledges the other side's leads
	 * to LAST_ACK, not TIME_WAIT. */
	if (tcp_is_fin(flow, pkt, d))
		tcp_step_fin(step, d);
	tcp_step_fin_acked(step, flow, pkt, d);
	tcp_step_closing(step);
}

/* Decides what becomes of a flow whose control step has. */
__noinline int tcp_step(struct tcp_step *step, const struct flow *flow,
			const struct packet *pkt, __u32 d)
{
	__u64 control;

	if (!step || !flow || !pkt)
		return 0;
	control = step->control;
	step->verdict = VERDICT_ESTABLISHED;
	step->invalid = 0;
	step->reason = REASON_NONE;
	step->actions = 0;

	if (control_state(control) < STATE_ESTABLISHED &&
	    !flow_side_fits(control, pkt, d)) {
		tcp_step_same_side(step, flow, pkt, d);
		return 0;
	}
	step->control |= flag_of(FLOW_SEEN, d);
	if (pkt->tcp_flags & TCP_RST)
		tcp_step_rst(step, flow, pkt, d);
	else if (pkt->tcp_flags & TCP_SYN)
		tcp_step_opens(step, flow, pkt, d);
	else if (control & FLOW_MIDSTREAM && !has_flag(control, FLOW_SEEN, d))
		tcp_step_midstream(step, flow, pkt, d);
	else if (control_state(control) == STATE_NEW)
		tcp_step_unanswered(step, flow, pkt, d);
	else if (!handshake_done(control))
		tcp_step_opening(step, flow, pkt, d);
	else
		tcp_step_open(step, flow, pkt, d);
	if (step->actions & TCP_OPENED)
		tcp_step_opened(step, flow, pkt, d);
	/* Until it is answered, all of a flow is new. */
	if (d == ORIGIN && !has_flag(control, FLOW_SEEN, REPLY) &&
	    step->verdict == VERDICT_ESTABLISHED)
		step->verdict = VERDICT_NEW;
	return 0;
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
		/* A SYN alone may be forged: it must not undo what the other side
		 * offers. The ACK agrees. */
		if (pkt->tcp_flags & TCP_ACK)
			tcp_agree_wscale(sender, other);
		/* Until it acknowledges, the other side permits what the window
		 * in its own SYN says. */
		other->acked = pkt->seq + 1;
		other->limit = other->acked + other->max_window;
		/* And so does this one, in a simultaneous open. */
		if (!(pkt->tcp_flags & TCP_ACK)) {
			sender->acked = other->syn_seq + 1;
			sender->limit = sender->acked + sender->max_window;
		}
		return;
	}
	/* Midstream, both may have acknowledged what was sent before our time,
	 * and the first that we see of a side may be a repetition. */
	if (seq_after(pkt->ack, other->end))
		other->end = pkt->ack;
	if (other->packets && seq_after(other->acked, sender->end))
		sender->end = other->acked;
}

/* Whether a segment without SYN does not begin where the one before it ended. Before
 * its own SYN a side has no order. */
static __always_inline bool tcp_is_disorder(const struct flow_dir *sender,
					    const struct packet *pkt,
					    const struct tcp_step *step,
					    __u64 before, __u32 d)
{
	if (step->actions & TCP_BEGIN || pkt->tcp_flags & TCP_SYN ||
	    !(before & FLOW_MIDSTREAM || has_flag(before, FLOW_SYN_SENT, d)))
		return false;
	if (step->actions & TCP_EXTEND)
		return seq_after(pkt->seq, sender->end);
	return step->actions & TCP_UPDATE && pkt->seq != sender->end;
}

/* Takes back the numbers of a SYN+ACK that another one had taken the place of. Its
 * window was not kept: as much as an unscaled one can say. */
static __always_inline void tcp_take_old(struct flow_dir *other)
{
	other->syn_seq = other->pending_end - 1;
	other->end = other->pending_end;
	other->wscale = other->pending_wscale;
	other->max_window = 0xffff;
}

/* Does to the direction what was decided; before is control as it was. */
static __always_inline void tcp_apply(struct flow *flow,
				      const struct packet *pkt,
				      const struct tcp_step *step, __u64 before,
				      __u32 d, bool shared)
{
	struct flow_dir *sender = &flow->dir[d & 1];

	if (step->actions & TCP_KEEP_OLD) {
		sender->pending_end = sender->end;
		sender->pending_wscale = sender->wscale;
	}
	if (step->actions & TCP_TAKE_OLD)
		tcp_take_old(&flow->dir[!d]);
	if (step->actions & TCP_PICK_UP && sender->wscale != NO_WSCALE)
		sender->wscale = MIDSTREAM_WSCALE;
	else if (step->actions & TCP_PICK_UP)
		sender->wscale = 0;
	if (tcp_is_disorder(sender, pkt, step, before, d))
		tcp_disorder(flow,
			     d | (pkt->tcp_flags & TCP_FIN ? DISORDER_FIN : 0),
			     pkt->seq | (__u64)pkt->end << 32);
	if (step->actions & TCP_BEGIN)
		tcp_apply_begin(sender, &flow->dir[!d], pkt);
	else if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK &&
		 !has_flag(before, FLOW_SYN_ACKED, !d)) {
		tcp_agree_wscale(sender, &flow->dir[!d]);
		tcp_first_ack(sender, pkt);
	}
	if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK)
		tcp_update(sender, pkt, shared);
	if (step->actions & TCP_EXTEND)
		seq_raise(&sender->end, pkt->end, shared);
	if (step->actions & TCP_REMEMBER) {
		sender->pending_end = pkt->end;
		sender->pending_wscale = pkt->wscale;
	}
	if (step->actions & TCP_FINISH)
		sender->fin_end = pkt->end;
	if (step->actions & TCP_AGAIN)
		count_up(&sender->retransmits);
	if (step->actions & TCP_REPEAT) {
		/* It may carry data this time, permit more, or scale. */
		seq_raise(&sender->end, pkt->end, shared);
		if (sender->wscale == NO_WSCALE)
			sender->wscale = pkt->wscale;
		if (pkt->window > sender->max_window)
			sender->max_window = pkt->window;
	}
}
