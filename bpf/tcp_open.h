/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: how flows begin: by a handshake, or in place of an older one. */
#pragma once

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "tcp_close.h"
#include "tcp_midstream.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* A SYN before the handshake is complete. */
static __always_inline void tcp_step_syn(struct tcp_step *step,
					 const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == sender->syn_seq) {
		/* Retransmissions do not keep an unanswered flow for ever. */
		step->actions = TCP_MERGE_SYN | TCP_RETRANSMIT;
		if (flow_traffic(flow, d)->retransmits < MAX_SYN_REFRESH)
			step->actions |= TCP_REFRESH;
		return;
	}
	step->actions = TCP_REFRESH | tcp_step_retransmit(flow, step->control,
							  FLOW_SYN_PENDING, pkt,
							  d);
	if (has_flag(step->control, FLOW_SYN_SENT, d)) {
		/* Either SYN may be answered. */
		if (control_state(step->control) != STATE_SYN_SENT) {
			tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
			step->actions |= TCP_PEND;
			return;
		}
		/* A pending SYN of the wrong side stays: this one may be
		 * forged. */
		if (!pending_from_wrong_side(step->control, d)) {
			tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
			step->actions |= TCP_SAVE_OLD;
		}
		/* The new SYN is not acknowledged yet. */
		step->control &= ~flag_of(FLOW_SYN_ACKED, d);
	}
	step->control |= flag_of(FLOW_SYN_SENT, d);
	step->actions |= TCP_BEGIN;
	/* A SYN of the other side: simultaneous open, RFC 9293 figure 7. */
	if (d == REPLY)
		step->control = control_with_state(step->control,
						   STATE_SYN_RECV);
}

/* Completes the handshake. FINs may have come before, and the segment may
 * acknowledge them. */
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
	tcp_step_closing(step, flow);
}

/* A SYN+ACK that answers a pending SYN. An open flow stays until the SYN's
 * sender acknowledges it: only then both ends have shown that they reopen the
 * tuple. */
static __always_inline void tcp_step_answered(struct tcp_step *step,
					      const struct flow *flow,
					      const struct packet *pkt, __u32 d)
{
	enum flow_state state = control_state(step->control);
	__u32 again = tcp_step_retransmit(flow, step->control,
					  FLOW_SYN_ACK_PENDING, pkt, d);

	if (state < STATE_ESTABLISHED || state >= STATE_LAST_ACK) {
		tcp_step_restart(step);
		return;
	}
	tcp_step_pend(step, FLOW_SYN_ACK_PENDING, pkt, d);
	step->actions = TCP_PEND | again;
}

/* A SYN+ACK after the handshake. again says that it began its direction. */
static __always_inline void tcp_step_late_syn_ack(struct tcp_step *step,
						  const struct flow *flow,
						  const struct packet *pkt,
						  __u32 d, bool again)
{
	const struct flow_dir *other = &flow->dir[!d];

	if (again)
		step->actions = TCP_REFRESH | TCP_RETRANSMIT;
	/* Another answer to the same SYN provokes a challenge ACK. */
	else if (!has_flag(step->control, FLOW_SYN_SENT, !d) ||
		 pkt->ack != other->syn_seq + 1)
		tcp_invalid(step, INVALID_STATE);
	else
		step->actions = tcp_step_retransmit(flow, step->control,
						    FLOW_SYN_ACK_PENDING, pkt,
						    d);
}

/* A SYN+ACK of a direction that began with another number. The receiver may
 * accept either, and its ACK shows which. */
static __always_inline void tcp_step_other_syn_ack(struct tcp_step *step,
						   const struct packet *pkt,
						   __u32 d)
{
	tcp_step_pend(step, FLOW_SYN_ACK_PENDING, pkt, d);
	step->actions |= TCP_SAVE_OLD;
}

/* A SYN+ACK, in any state. */
static __always_inline void tcp_step_syn_ack(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool begun = has_flag(step->control, FLOW_SYN_SENT, d);
	bool again = begun && pkt->seq == sender->syn_seq;
	/* In a simultaneous open, the first SYN+ACK repeats the number of a
	 * SYN, but is no retransmission. */
	bool answered = has_flag(step->control, FLOW_SYN_ACKED, !d);

	if (acks_pending_syn(flow, step->control, pkt, d) &&
	    pending_from_other_side(step->control, pkt, !d)) {
		tcp_step_answered(step, flow, pkt, d);
		return;
	}
	if (handshake_done(step->control)) {
		tcp_step_late_syn_ack(step, flow, pkt, d, again);
		return;
	}
	if (!has_flag(step->control, FLOW_SYN_SENT, !d) ||
	    !acks_syn(flow, pkt, d)) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	step->control |= flag_of(FLOW_SYN_SENT, d) |
			 flag_of(FLOW_SYN_ACKED, !d);
	step->control &= ~(__u64)FLOW_MIDSTREAM;
	step->control = control_with_state(step->control, STATE_SYN_RECV);
	step->actions = TCP_UPDATE | TCP_REFRESH;
	if (begun && !again &&
	    has_flag(step->control, FLOW_SYN_ACK_PENDING, d) &&
	    pkt->seq + 1 == sender->pending_end) {
		/* A retransmission of the older one of two. */
		step->actions = TCP_REFRESH | TCP_RETRANSMIT;
		return;
	}
	if (again && answered)
		step->actions |= TCP_RETRANSMIT;
	if (!again) {
		/* The new SYN+ACK is not acknowledged, and no FIN followed
		 * it. */
		step->control &= ~(flag_of(FLOW_SYN_ACKED, d) |
				   flag_of(FLOW_FIN_SENT, d));
		step->actions |= TCP_BEGIN;
		if (begun)
			tcp_step_other_syn_ack(step, pkt, d);
	}
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
}

/* The opener continues although no answer was seen. Near a switch that floods,
 * the answers came in by the opener's side. With policy observe they may take
 * another path: then only the opener is seen, and no numbers are checked until
 * the other side is seen, too. */
static __always_inline void tcp_step_one_way(struct tcp_step *step,
					     const struct packet *pkt)
{
	if (step->control & FLOW_ONE_SIDED) {
		step->actions = TCP_REFRESH;
		return;
	}
	if (!picks_up() || pkt->tcp_flags & TCP_FIN ||
	    has_flag(step->control, FLOW_SEEN, REPLY)) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	step->control |= FLOW_MIDSTREAM;
	step->control = control_with_state(step->control, STATE_NEW);
	step->actions = TCP_PICK_UP | TCP_UPDATE | TCP_REFRESH;
}

/* An ACK of the older one of two SYN+ACKs. */
static __always_inline void tcp_step_ack_old(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	step->control &= ~flag_of(FLOW_SYN_ACK_PENDING, !d);
	step->control |= flag_of(FLOW_SYN_ACKED, !d);
	step->actions = TCP_RESTORE_OLD | TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, flow, pkt, d);
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
}

/* A packet that came in by the wrong side before its flow was answered. A
 * switch floods the packets of two ends on the same side, or one of them is
 * forged. It passes and counts, but it is no answer and changes no numbers.
 *
 * The flow's first packet may be the forged one. Therefore a SYN is kept
 * pending. A SYN+ACK that answers it by the other side shows where the ends
 * are, and the flow begins again with that. */
static __always_inline void tcp_step_same_side(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt,
					       __u32 d)
{
	__u8 flags = pkt->tcp_flags & (TCP_SYN | TCP_ACK);

	if (flags == (TCP_SYN | TCP_ACK) &&
	    acks_pending_syn(flow, step->control, pkt, d) &&
	    pending_from_other_side(step->control, pkt, !d)) {
		tcp_step_restart(step);
		return;
	}
	step->control |= FLOW_ONE_SIDED;
	step->verdict = VERDICT_NEW;
	step->actions = TCP_REFRESH;
	if (flags != TCP_SYN || has_flag(step->control, FLOW_SEEN, REPLY))
		return;
	tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
	step->actions |= TCP_PEND;
}

/* An ACK, with or without data or FIN, before the handshake is complete. */
static __always_inline void tcp_step_opening(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool both = has_flag(step->control, FLOW_SYN_SENT, d) &&
		    has_flag(step->control, FLOW_SYN_SENT, !d);

	if (both && acks_old_syn_ack(flow, step->control, pkt, d)) {
		tcp_step_ack_old(step, flow, pkt, d);
		return;
	}
	/* The other side's packets may pass by the partner: it has no numbers here. */
	if (both && config.paired && !has_flag(step->control, FLOW_SEEN, !d)) {
		step->actions = TCP_UPDATE | TCP_REFRESH;
		tcp_step_early_fin(step, flow, pkt, d);
		tcp_step_half_opened(step, flow, pkt, d);
		return;
	}
	/* The window is known once both sides have sent a SYN. */
	if (both && (seq_after(packet_begin(pkt), flow->dir[!d].limit) ||
		     seq_after(pkt->ack, flow->dir[!d].end))) {
		tcp_invalid(step, INVALID_WINDOW);
		return;
	}
	if (!both && !has_flag(step->control, FLOW_SYN_SENT, !d)) {
		tcp_step_one_way(step, pkt);
		return;
	}
	/* Before its own SYN, a side can only challenge the other's. Data may
	 * be of an older connection, but a FIN is of none. */
	if (!both && pkt->tcp_flags & TCP_FIN) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	if (!both || !acks_syn(flow, pkt, d)) {
		/* A challenge ACK of an older connection. It provokes a RST,
		 * which ends that connection. Anybody can forge it without a
		 * number of the flow, so it does not keep the flow alive. */
		step->actions = 0;
		return;
	}
	/* A segment older than the SYN does not complete the handshake. */
	if (both && !seq_after(pkt->end, sender->syn_seq)) {
		step->actions = TCP_OLD;
		return;
	}
	step->control |= flag_of(FLOW_SYN_ACKED, !d);
	step->actions = TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, flow, pkt, d);
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
}

/* A SYN after the handshake. */
static __always_inline void tcp_step_reopen(struct tcp_step *step,
					    const struct flow *flow,
					    const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	/* The SYN of this flow, late. */
	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == sender->syn_seq) {
		step->actions = TCP_REFRESH | TCP_RETRANSMIT;
		return;
	}
	/* A SYN of the wrong side does not replace a pending segment. */
	if (!flow_side_fits(step->control, pkt, d) &&
	    step->control & (flag_of(FLOW_SYN_PENDING, d) |
			     flag_of(FLOW_SYN_ACK_PENDING, d)))
		return;
	step->actions = TCP_PEND | tcp_step_retransmit(flow, step->control,
						       FLOW_SYN_PENDING, pkt,
						       d);
	tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
}

/* A segment with a SYN. */
__noinline int tcp_step_opens(struct tcp_step *step, const struct flow *flow,
			      const struct packet *pkt, __u32 d)
{
	if (!step || !flow || !pkt)
		return 0;
	if (pkt->tcp_flags & TCP_ACK)
		tcp_step_syn_ack(step, flow, pkt, d);
	else if (handshake_done(step->control))
		tcp_step_reopen(step, flow, pkt, d);
	else if (control_state(step->control) == STATE_NEW)
		tcp_step_midstream_syn(step, flow, pkt, d);
	else
		tcp_step_syn(step, flow, pkt, d);
	return 0;
}
