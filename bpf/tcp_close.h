/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: how flows end, by FINs on both sides or by a RST. */
#pragma once

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* A FIN is the last of what was sent, or it is no FIN of this flow. */
static __always_inline bool tcp_is_fin(const struct flow *flow,
				       const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	return pkt->tcp_flags & TCP_FIN &&
	       (!sender->packets || !seq_before(pkt->end, sender->end));
}

/* A FIN that comes before its flow is open: the state follows later. */
static __always_inline void tcp_step_early_fin(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt, __u32 d)
{
	if (!tcp_is_fin(flow, pkt, d))
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
		step->actions |= TCP_END;
		step->reason = REASON_CLOSED;
	}
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

/* Whether the receiver has acknowledged anything, so that its numbers mean
 * something. */
static __always_inline bool rst_is_judged(__u64 control,
					  const struct flow_dir *receiver,
					  __u32 d)
{
	return has_flag(control, FLOW_SYN_ACKED, d) ||
	       (control & FLOW_MIDSTREAM && receiver->packets);
}

/* What a side sent beyond the window may be forged: a RST right after it is not
 * believed (it would take two guesses in a window instead of an exact one). */
static __always_inline bool rst_is_exact(const struct flow_dir *sender,
					 const struct flow_dir *receiver,
					 const struct packet *pkt, bool judged)
{
	return (sender->packets && pkt->seq == sender->end &&
		(!judged || !seq_after(pkt->seq, receiver->limit))) ||
	       (judged && pkt->seq == receiver->acked);
}

/* Some systems do not count their FIN in the RST that follows it. Linux believes
 * that, too (tcp_reset_check() of net/ipv4/tcp_input.c). */
static __always_inline bool rst_leaves_out_fin(__u64 control,
					       const struct flow_dir *sender,
					       const struct flow_dir *receiver,
					       const struct packet *pkt,
					       __u32 d)
{
	return has_flag(control, FLOW_FIN_ACKED, d) &&
	       receiver->acked == sender->fin_end &&
	       pkt->seq == sender->fin_end - 1;
}

/* The receiver expects what it has acknowledged or more: it drops what is below
 * that without an answer. */
static __always_inline bool rst_is_inside(const struct flow_dir *sender,
					  const struct flow_dir *receiver,
					  const struct packet *pkt, bool judged)
{
	return judged && !seq_before(pkt->seq, receiver->acked) &&
	       (!seq_after(pkt->seq, receiver->limit) ||
		(sender->packets && pkt->seq == sender->end));
}

/* Whether a RST is what an end that knows nothing of the connection answers to a
 * SYN (RFC 9293 3.10.7.1): a new one that waits for its answer, or a late copy of
 * the first one. Its number is zero, not one of this flow. */
static __always_inline bool rst_refuses_syn(const struct flow *flow,
					    __u64 control,
					    const struct packet *pkt, __u32 d)
{
	return pkt->tcp_flags & TCP_ACK && !pkt->seq &&
	       (acks_pending(flow, control, pkt, d) ||
		(has_flag(control, FLOW_SYN_SENT, !d) &&
		 pkt->ack == flow->dir[!d].syn_seq + 1));
}

/* Whether a RST may be what an end answers to an old segment once both have closed:
 * its number is what that segment acknowledged (RFC 9293 3.10.7.1). Its receiver
 * drops it. */
static __always_inline bool rst_is_late(__u64 control,
					const struct flow_dir *receiver,
					const struct packet *pkt)
{
	return has_flag(control, FLOW_FIN_SENT, ORIGIN) &&
	       has_flag(control, FLOW_FIN_SENT, REPLY) &&
	       seq_before(pkt->seq, receiver->acked) &&
	       !seq_before(pkt->seq, receiver->acked - window_oldest(receiver));
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
		ends = rst_is_exact(sender, receiver, pkt, judged) ||
		       rst_leaves_out_fin(step->control, sender, receiver, pkt,
					  d);
	}
	/* The answer of an older connection provokes a RST with its number. */
	passes = state == STATE_SYN_SENT ? receiver->packets :
					   rst_is_inside(sender, receiver, pkt,
							 judged);
	if (!ends && judged && rst_is_late(step->control, receiver, pkt)) {
		step->actions = TCP_OLD;
		return;
	}
	if (!ends && !passes) {
		/* Who sent the SYN waits for it. It ends nothing: to forge both
		 * takes no number of the flow. */
		if (!rst_refuses_syn(flow, step->control, pkt, d))
			tcp_invalid(step, INVALID_RESET);
		return;
	}
	step->actions = TCP_REFRESH;
	if (ends) {
		step->actions |= TCP_END;
		step->reason = REASON_RST;
	}
}
