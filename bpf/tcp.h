/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: the effect of a segment on its flow.
 *
 * tcp_step() decides and changes nothing. tcp_apply() carries the decision out
 * once a compare-and-exchange has shown that control is still as it was. Data
 * and ACKs of an established flow take the fast path in plain.h. */
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
	enum window window = tcp_window(flow, step->control, pkt,
					packet_begin(pkt), d);

	if (tcp_is_reopened(flow, step->control, pkt, d)) {
		tcp_step_restart(step);
		return;
	}
	if (window == WINDOW_OUTSIDE || window == WINDOW_ACKS_UNSENT) {
		if (!config.paired ||
		    !window_continues(flow, pkt, packet_begin(pkt), d)) {
			tcp_invalid(step, INVALID_WINDOW);
			return;
		}
		window = WINDOW_INSIDE;
	}
	if (window == WINDOW_OLD) {
		step->actions = TCP_OLD;
		return;
	}
	step->actions = TCP_REFRESH;
	/* The last ACK of a connection that ended elsewhere may come again. */
	if (!config.paired || pkt->seq != pkt->end)
		step->control &= ~flags_of(FLOW_ENDED_OUTSIDE);
	if (window == WINDOW_BEYOND) {
		step->actions |= TCP_EXTEND;
		return;
	}
	/* This side has not reopened the tuple. */
	step->control &= ~flag_of(FLOW_SYN_ACK_PENDING, !d);
	step->actions |= TCP_UPDATE;
	if (tcp_fin_was_forged(flow, step->control, pkt, d))
		tcp_step_unfinish(step);
	/* The segment's own FIN comes first: a FIN that also acknowledges the
	 * other side's leads to LAST_ACK, not TIME_WAIT. */
	if (tcp_is_fin(flow, pkt, d))
		tcp_step_fin(step, d);
	tcp_step_fin_acked(step, flow, pkt, d);
	tcp_step_closing(step, flow);
}

/* A segment of an open flow of which not both directions were heard here. Anybody may have
 * sent the packet that told the sides. Where both ends seem to be on one side, the segment
 * counts, and neither changes numbers nor ends the flow. Where its own direction came in by
 * the other side, the sides are what it says, and the direction begins again with it.
 * Returns whether that decides about it. */
__noinline int tcp_step_half(struct tcp_step *step, const struct flow *flow,
			     const struct packet *pkt, __u32 d)
{
	if (!step || !flow || !pkt)
		return 1;
	if (!(pkt->tcp_flags & (TCP_SYN | TCP_RST)) &&
	    tcp_is_reopened(flow, step->control, pkt, d)) {
		tcp_step_restart(step);
		return 1;
	}
	if (flow_side_fits(step->control, pkt, d))
		return 0;
	if (has_flag(step->control, FLOW_SEEN, !d)) {
		step->actions = TCP_REFRESH;
		return 1;
	}
	if (pkt->tcp_flags & (TCP_SYN | TCP_RST))
		return 0;
	step->control ^= FLOW_SIDE;
	step->control &= ~flag_of(FLOW_SEEN, d);
	return 0;
}

/* Whether what is known of a direction is by the word of a partner alone. */
static __always_inline bool tcp_is_half(__u64 control)
{
	const __u64 both = flags_of(FLOW_SYN_SENT);

	return !flow_seen_both(control) &&
	       (handshake_done(control) ||
		(config.paired && (control & both) == both));
}

/* Decides about a segment of a flow whose control is in step. */
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
	if (handshake_done(control) && !flow_seen_both(control)) {
		if (tcp_step_half(step, flow, pkt, d))
			return 0;
		control = step->control;
	}
	/* An answer that only the partner heard says nothing of one that comes by here. */
	if (config.paired && !handshake_done(control) &&
	    !has_flag(control, FLOW_SEEN, d) &&
	    (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		step->control &= ~flag_of(FLOW_SYN_SENT, d);
	/* A SYN or RST of an open flow brings no numbers. */
	if (!(handshake_done(control) && pkt->tcp_flags & (TCP_SYN | TCP_RST)))
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
	/* What a partner said of a flow is no reason to refuse a packet. */
	if (step->verdict == VERDICT_INVALID && tcp_is_half(control)) {
		step->control = control;
		step->verdict = VERDICT_ESTABLISHED;
		step->actions = TCP_OLD;
	}
	/* All packets of the origin are new until the first answer. */
	if (d == ORIGIN && !has_flag(control, FLOW_SEEN, REPLY) &&
	    step->verdict == VERDICT_ESTABLISHED)
		step->verdict = VERDICT_NEW;
	return 0;
}

/* Begins a direction by its SYN, or by its first segment if the flow was picked
 * up midstream. */
static __always_inline void tcp_apply_begin(struct flow *flow,
					    const struct packet *pkt,
					    __u32 actions, __u32 d)
{
	struct flow_dir *sender = &flow->dir[d & 1];
	struct flow_dir *other = &flow->dir[!d];
	bool heard = !(actions & TCP_ALONE) && flow_heard(flow, !d);

	tcp_begin(sender, pkt);
	if (pkt->tcp_flags & TCP_SYN) {
		if (!heard)
			return;
		/* A SYN or SYN+ACK may be forged, so it must not change what
		 * the other side offered: its first ACK does. */
		/* Until its first ACK, the other side permits the window of its
		 * SYN. */
		other->acked = pkt->seq + 1;
		other->limit = other->acked + other->max_window;
		/* So does this side, in a simultaneous open. */
		if (!(pkt->tcp_flags & TCP_ACK)) {
			sender->acked = other->syn_seq + 1;
			sender->limit = sender->acked + sender->max_window;
		}
		return;
	}
	/* Midstream, either side may have acknowledged what the tracker did not
	 * see, and the first segment of a side may be a retransmission. */
	if (seq_after(pkt->ack, other->end))
		other->end = pkt->ack;
	if (heard && seq_after(other->acked, sender->end))
		sender->end = other->acked;
}

/* Reports whether a segment without SYN does not begin at the end of its
 * direction. Before its own SYN a side has no order. */
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

/* Restores the numbers of the SYN+ACK that another one replaced. Its window was
 * not kept, so the largest unscaled one stands for it. */
static __always_inline void tcp_restore_old(struct flow_dir *other)
{
	other->syn_seq = other->pending_end - 1;
	other->end = other->pending_end;
	other->wscale = other->pending_wscale;
	other->max_window = 0xffff;
}

/* Carries a decision out. before is the old value of control. */
static __always_inline void tcp_apply(struct flow *flow,
				      const struct packet *pkt,
				      const struct tcp_step *step, __u64 before,
				      __u32 d, bool shared)
{
	struct flow_dir *sender = &flow->dir[d & 1];

	if (step->actions & TCP_SAVE_OLD) {
		sender->pending_end = sender->end;
		sender->pending_wscale = sender->wscale;
	}
	if (step->actions & TCP_RESTORE_OLD)
		tcp_restore_old(&flow->dir[!d]);
	if (step->actions & TCP_PICK_UP && sender->wscale != NO_WSCALE)
		sender->wscale = MIDSTREAM_WSCALE;
	else if (step->actions & TCP_PICK_UP)
		sender->wscale = 0;
	if (tcp_is_disorder(sender, pkt, step, before, d))
		tcp_disorder(flow,
			     d | (pkt->tcp_flags & TCP_FIN ? DISORDER_FIN : 0),
			     pkt->seq | (__u64)pkt->end << 32);
	if (step->actions & TCP_BEGIN)
		tcp_apply_begin(flow, pkt, step->actions, d);
	else if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK &&
		 !has_flag(before, FLOW_SYN_ACKED, !d)) {
		tcp_agree_wscale(sender, &flow->dir[!d]);
		tcp_first_ack(sender, pkt);
	}
	if (step->actions & TCP_UPDATE && pkt->tcp_flags & TCP_ACK)
		tcp_update(sender, pkt, shared);
	if (step->actions & TCP_EXTEND)
		seq_raise(&sender->end, pkt->end, shared);
	if (step->actions & TCP_PEND) {
		sender->pending_end = pkt->end;
		sender->pending_wscale = pkt->wscale;
	}
	if (step->actions & TCP_RETRANSMIT)
		count_up(&flow_traffic(flow, d)->retransmits);
	if (step->actions & TCP_MERGE_SYN) {
		seq_raise(&sender->end, pkt->end, shared);
		if (sender->wscale == NO_WSCALE)
			sender->wscale = pkt->wscale;
		if (pkt->window > sender->max_window)
			sender->max_window = pkt->window;
	}
}
