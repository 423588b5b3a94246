/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: how flows begin, by handshakes of all kinds or midstream, and begin anew. */
#pragma once

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "tcp_close.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* A SYN before the handshake is done. */
static __always_inline void tcp_step_syn(struct tcp_step *step,
					 const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == sender->syn_seq) {
		/* Unanswered it does not live for ever. */
		step->actions = TCP_REPEAT | TCP_AGAIN;
		if (sender->retransmits < MAX_SYN_REFRESH)
			step->actions |= TCP_REFRESH;
		return;
	}
	step->actions = TCP_REFRESH | tcp_step_again(flow, step->control,
						     FLOW_SYN_PENDING, pkt, d);
	if (has_flag(step->control, FLOW_SYN_SENT, d)) {
		/* Either may be the one that is answered. */
		if (control_state(step->control) != STATE_SYN_SENT) {
			tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
			step->actions |= TCP_REMEMBER;
			return;
		}
		/* Or that from the other side, if this one is forged. */
		if (!pending_is_foreign(step->control, d)) {
			tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
			step->actions |= TCP_KEEP_OLD;
		}
		/* Nobody has acknowledged this one. */
		step->control &= ~flag_of(FLOW_SYN_ACKED, d);
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

/* A SYN+ACK that answers a pending SYN. A flow that is open goes on until the SYN's
 * sender acknowledges the answer: then both ends have shown that they began anew. */
static __always_inline void tcp_step_answered(struct tcp_step *step,
					      const struct flow *flow,
					      const struct packet *pkt, __u32 d)
{
	enum flow_state state = control_state(step->control);
	__u32 again = tcp_step_again(flow, step->control, FLOW_SYN_ACK_PENDING,
				     pkt, d);

	if (state < STATE_ESTABLISHED || state >= STATE_LAST_ACK) {
		tcp_step_restart(step);
		return;
	}
	tcp_step_pend(step, FLOW_SYN_ACK_PENDING, pkt, d);
	step->actions = TCP_REMEMBER | again;
}

/* A SYN+ACK in a flow whose handshake is done. */
static __always_inline void tcp_step_late_syn_ack(struct tcp_step *step,
						  const struct flow *flow,
						  const struct packet *pkt,
						  __u32 d, bool again)
{
	const struct flow_dir *other = &flow->dir[!d];

	if (again)
		step->actions = TCP_REFRESH | TCP_AGAIN;
	/* Another answer to the same SYN: its receiver challenges it. */
	else if (!has_flag(step->control, FLOW_SYN_SENT, !d) ||
		 pkt->ack != other->syn_seq + 1)
		tcp_invalid(step, INVALID_STATE);
	else
		step->actions = tcp_step_again(flow, step->control,
					       FLOW_SYN_ACK_PENDING, pkt, d);
}

/* A SYN+ACK of a direction that began with another number. Its receiver may take
 * either, and the ACK tells which. */
static __always_inline void tcp_step_other_syn_ack(struct tcp_step *step,
						   const struct packet *pkt,
						   __u32 d)
{
	tcp_step_pend(step, FLOW_SYN_ACK_PENDING, pkt, d);
	step->actions |= TCP_KEEP_OLD;
}

/* A SYN+ACK, whatever the state. */
static __always_inline void tcp_step_syn_ack(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool begun = has_flag(step->control, FLOW_SYN_SENT, d);
	bool again = begun && pkt->seq == sender->syn_seq;
	/* The first one answers, also where its number was in a SYN before. */
	bool answered = has_flag(step->control, FLOW_SYN_ACKED, !d);

	if (acks_pending(flow, step->control, pkt, d) &&
	    pending_is_across(step->control, pkt, !d)) {
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
	if (begun && !again && has_flag(step->control, FLOW_SYN_ACK_PENDING, d) &&
	    pkt->seq + 1 == sender->pending_end) {
		/* The older one of two, said again. */
		step->actions = TCP_REFRESH | TCP_AGAIN;
		return;
	}
	if (again && answered)
		step->actions |= TCP_AGAIN;
	if (!again) {
		/* Nobody has acknowledged this one, and no FIN came after it. */
		step->control &= ~(flag_of(FLOW_SYN_ACKED, d) |
				   flag_of(FLOW_FIN_SENT, d));
		step->actions |= TCP_BEGIN;
		if (begun)
			tcp_step_other_syn_ack(step, pkt, d);
	}
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
}

/* The opener goes on although no answer was seen. In front of a switch that floods,
 * the answers were on the opener's side. Where nothing is enforced they may take
 * another way: then only the opener is seen, and no numbers are checked until the
 * other end is. */
static __always_inline void tcp_step_unheard(struct tcp_step *step,
					     const struct packet *pkt)
{
	if (step->control & FLOW_ONE_SIDED) {
		step->actions = TCP_REFRESH;
		return;
	}
	if (config.policy != POLICY_OBSERVE || pkt->tcp_flags & TCP_FIN ||
	    has_flag(step->control, FLOW_SEEN, REPLY)) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	step->control |= FLOW_MIDSTREAM;
	step->control = control_with_state(step->control, STATE_NEW);
	step->actions = TCP_PICK_UP | TCP_UPDATE | TCP_REFRESH;
}

/* Whether an ACK from inside the window decides for the older one of two SYN+ACKs. */
static __always_inline bool took_old(const struct flow *flow, __u64 control,
				     const struct packet *pkt, __u32 d)
{
	return acks_pending_answer(flow, control, pkt, d) &&
	       !has_flag(control, FLOW_SYN_ACKED, !d) &&
	       !seq_after(pkt->seq, flow->dir[!d].limit) &&
	       seq_after(pkt->end, flow->dir[d & 1].syn_seq);
}

/* The ACK that decides for the older one of two SYN+ACKs. */
static __always_inline void tcp_step_took_old(struct tcp_step *step,
					      const struct flow *flow,
					      const struct packet *pkt, __u32 d)
{
	step->control &= ~flag_of(FLOW_SYN_ACK_PENDING, !d);
	step->control |= flag_of(FLOW_SYN_ACKED, !d);
	step->actions = TCP_TAKE_OLD | TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, flow, pkt, d);
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
}

/* A packet that came in by the wrong side before its flow was answered: a switch
 * floods what both ends on its side say, or somebody forges one of them. It passes
 * and counts; it answers nothing, and none of its numbers is taken.
 *
 * The flow's first packet may be the one that is forged. So a SYN is remembered until
 * the flow is answered, and a SYN+ACK that answers it across shows where the ends are:
 * the flow begins anew with that. */
static __always_inline void tcp_step_same_side(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt, __u32 d)
{
	__u8 flags = pkt->tcp_flags & (TCP_SYN | TCP_ACK);

	if (flags == (TCP_SYN | TCP_ACK) &&
	    acks_pending(flow, step->control, pkt, d) &&
	    pending_is_across(step->control, pkt, !d)) {
		tcp_step_restart(step);
		return;
	}
	step->control |= FLOW_ONE_SIDED;
	step->verdict = VERDICT_NEW;
	step->actions = TCP_REFRESH;
	if (flags != TCP_SYN || has_flag(step->control, FLOW_SEEN, REPLY))
		return;
	tcp_step_pend(step, FLOW_SYN_PENDING, pkt, d);
	step->actions |= TCP_REMEMBER;
}

/* An ACK, with or without data or FIN, before the handshake is done. */
static __always_inline void tcp_step_opening(struct tcp_step *step,
					     const struct flow *flow,
					     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	bool both = has_flag(step->control, FLOW_SYN_SENT, d) &&
		    has_flag(step->control, FLOW_SYN_SENT, !d);

	if (both && took_old(flow, step->control, pkt, d)) {
		tcp_step_took_old(step, flow, pkt, d);
		return;
	}
	/* What the other side permits is known once both have said SYN. */
	if (both && (seq_after(packet_begin(pkt), flow->dir[!d].limit) ||
		     seq_after(pkt->ack, flow->dir[!d].end))) {
		tcp_invalid(step, INVALID_WINDOW);
		return;
	}
	if (!both && !has_flag(step->control, FLOW_SYN_SENT, !d)) {
		tcp_step_unheard(step, pkt);
		return;
	}
	/* Before its own SYN a side can only challenge the other's; data may be
	 * an older connection's, a FIN is nobody's. */
	if (!both && pkt->tcp_flags & TCP_FIN) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	if (!both || !acks_syn(flow, pkt, d)) {
		/* The challenge of an older connection; the RST that it
		 * provokes makes room for the new one. It takes no number to
		 * send one, so it does not keep the flow alive. */
		step->actions = 0;
		return;
	}
	/* Older than the SYN: it completes nothing. */
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

/* The first answer in a flow that was picked up midstream. */
static __always_inline void tcp_step_midstream(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt, __u32 d)
{
	step->control |= flag_of(FLOW_SYN_ACKED, ORIGIN) |
			 flag_of(FLOW_SYN_ACKED, REPLY);
	step->actions = TCP_BEGIN | TCP_UPDATE | TCP_REFRESH | TCP_OPENED;
	tcp_step_early_fin(step, flow, pkt, d);
}

/* Midstream, and not answered yet. */
static __always_inline void tcp_step_unanswered(struct tcp_step *step,
						const struct flow *flow,
						const struct packet *pkt,
						__u32 d)
{
	step->actions = TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, flow, pkt, d);
}

/* Makes a flow that was picked up midstream one that begins with this SYN. */
static __always_inline void tcp_step_say_syn(struct tcp_step *step)
{
	step->control &= ~(__u64)FLOW_MIDSTREAM;
	step->control |= flag_of(FLOW_SYN_SENT, ORIGIN);
	step->control = control_with_state(step->control, STATE_SYN_SENT);
	step->actions = TCP_BEGIN | TCP_REFRESH;
}

/* A SYN in a flow that was picked up midstream, and is not answered yet. */
static __always_inline void tcp_step_midstream_syn(struct tcp_step *step,
						   const struct flow *flow,
						   const struct packet *pkt,
						   __u32 d)
{
	/* The flow's own, late. */
	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == flow->dir[d & 1].syn_seq)
		step->actions = TCP_REFRESH | TCP_AGAIN;
	/* Another SYN waits that may be the honest one. */
	else if (d == ORIGIN && step->control & FLOW_ONE_SIDED &&
		 step->control & flags_of(FLOW_SYN_PENDING))
		tcp_step_say_syn(step);
	else
		tcp_step_restart(step);
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
		step->actions = TCP_REFRESH | TCP_AGAIN;
		return;
	}
	/* Nor does one by the wrong side take the place of what waits. */
	if (!flow_side_fits(step->control, pkt, d) &&
	    step->control & (flag_of(FLOW_SYN_PENDING, d) |
			     flag_of(FLOW_SYN_ACK_PENDING, d)))
		return;
	step->actions = TCP_REMEMBER | tcp_step_again(flow, step->control,
						      FLOW_SYN_PENDING, pkt, d);
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
