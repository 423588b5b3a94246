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

/* Reports whether a segment has a FIN that counts: nothing after it was
 * sent. */
static __always_inline bool tcp_is_fin(const struct flow *flow,
				       const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];

	return pkt->tcp_flags & TCP_FIN &&
	       (!flow_heard(flow, d) || !seq_before(pkt->end, sender->end));
}

/* A FIN before the handshake is complete. tcp_step_opened() sets the state. */
static __always_inline void tcp_step_early_fin(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt,
					       __u32 d)
{
	if (!tcp_is_fin(flow, pkt, d))
		return;
	step->control |= flag_of(FLOW_FIN_SENT, d);
	step->actions |= TCP_FINISH;
}

/* A FIN after the handshake. */
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

/* Notes it if the segment acknowledges the other side's FIN by its number. */
static __always_inline void tcp_step_fin_acked(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt,
					       __u32 d)
{
	if (!has_flag(step->control, FLOW_FIN_SENT, !d) ||
	    seq_before(pkt->ack, flow->dir[!d].fin_end))
		return;
	step->control |= flag_of(FLOW_FIN_ACKED, !d);
}

/* Whether a partner can have said that one of two FINs was sent: of a connection whose both
 * directions came by here it does not end the flow. */
static __always_inline bool tcp_fin_was_told(const struct flow *flow,
					     __u64 control)
{
	return !flow_seen_both(control) && flow_heard_here(flow) == 3;
}

/* Advances the state of a flow whose FINs are acknowledged. */
static __always_inline void tcp_step_closing(struct tcp_step *step,
					     const struct flow *flow)
{
	bool origin = has_flag(step->control, FLOW_FIN_ACKED, ORIGIN);
	bool reply = has_flag(step->control, FLOW_FIN_ACKED, REPLY);
	enum flow_state state = control_state(step->control);

	if (state == STATE_FIN_WAIT_1 && (origin || reply)) {
		step->control = control_with_state(step->control,
						   STATE_FIN_WAIT_2);
	} else if (state == STATE_LAST_ACK && origin && reply) {
		if (tcp_fin_was_told(flow, step->control)) {
			step->control = control_with_state(step->control,
							   STATE_TIME_WAIT);
			return;
		}
		step->actions |= TCP_END;
		step->reason = REASON_CLOSED;
	}
}

/* Reports whether a direction sends data beyond its FIN, which was forged
 * then. In TIME_WAIT a partner may have told of it (tcp_midstream.h). */
static __always_inline bool tcp_fin_was_forged(const struct flow *flow,
					       __u64 control,
					       const struct packet *pkt,
					       __u32 d)
{
	enum flow_state state = control_state(control);

	return (state == STATE_FIN_WAIT_1 || state == STATE_FIN_WAIT_2 ||
		(state == STATE_TIME_WAIT && config.paired &&
		 control & FLOW_MIDSTREAM)) &&
	       has_flag(control, FLOW_FIN_SENT, d) &&
	       seq_after(pkt->end, flow->dir[d & 1].fin_end);
}

/* Takes FINs back, of which one was forged: before TIME_WAIT there is no other one. */
static __always_inline void tcp_step_unfinish(struct tcp_step *step)
{
	step->control &= ~(flags_of(FLOW_FIN_SENT) | flags_of(FLOW_FIN_ACKED) |
			   FLOW_FIN_REPLY_FIRST);
	step->control = control_with_state(step->control, STATE_ESTABLISHED);
}

/* Reports whether the receiver's window is known: it has acknowledged
 * something. */
static __always_inline bool rst_window_known(__u64 control,
					     const struct flow *flow, __u32 d)
{
	return has_flag(control, FLOW_SYN_ACKED, d) ||
	       (control & FLOW_MIDSTREAM && flow_heard(flow, !d));
}

/* Reports whether a RST has exactly the expected number. What was sent outside
 * the window may be forged, so a RST right after that does not count: an
 * attacker would need two guesses within a window instead of an exact one. Of a
 * flow that has moved here the window is what the partner told. */
static __always_inline bool rst_is_exact(const struct flow *flow,
					 const struct packet *pkt, __u32 d,
					 bool known)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!d];

	return (flow_heard(flow, d) && pkt->seq == sender->end &&
		(!known ||
		 seq_near(pkt->seq, receiver->acked, receiver->limit,
			  window_oldest(receiver)))) ||
	       (known && pkt->seq == receiver->acked);
}

/* Reports whether a RST has the number of the FIN before it: some systems do
 * not count their FIN. Linux accepts that, too (tcp_reset_check() of
 * net/ipv4/tcp_input.c). */
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

/* Reports whether a RST is inside the window. Below the number that it has
 * acknowledged, the receiver drops it without an answer. */
static __always_inline bool rst_is_inside(const struct flow *flow,
					  const struct packet *pkt, __u32 d,
					  bool known)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!d];

	return known && !seq_before(pkt->seq, receiver->acked) &&
	       (!seq_after(pkt->seq, receiver->limit) ||
		(flow_heard(flow, d) && pkt->seq == sender->end));
}

/* Reports whether a RST refuses a SYN on behalf of a host that does not know
 * the connection (RFC 9293 3.10.7.1). The SYN is a pending one, or a late
 * duplicate of the first one. The RST's number is zero, which is none of this
 * flow. */
static __always_inline bool rst_refuses_syn(const struct flow *flow,
					    __u64 control,
					    const struct packet *pkt, __u32 d)
{
	return pkt->tcp_flags & TCP_ACK && !pkt->seq &&
	       (acks_pending_syn(flow, control, pkt, d) ||
		(has_flag(control, FLOW_SYN_SENT, !d) &&
		 pkt->ack == flow->dir[!d].syn_seq + 1));
}

/* Reports whether a RST may answer an old segment after both sides have closed:
 * its number is what that segment acknowledged (RFC 9293 3.10.7.1). The
 * receiver drops it. */
static __always_inline bool rst_is_late(__u64 control,
					const struct flow_dir *receiver,
					const struct packet *pkt)
{
	return has_flag(control, FLOW_FIN_SENT, ORIGIN) &&
	       has_flag(control, FLOW_FIN_SENT, REPLY) &&
	       seq_before(pkt->seq, receiver->acked) &&
	       !seq_before(pkt->seq, receiver->acked - window_oldest(receiver));
}

/* A RST, in any state (RFC 5961 section 3). */
static __always_inline void tcp_step_rst(struct tcp_step *step,
					 const struct flow *flow,
					 const struct packet *pkt, __u32 d)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!d];
	enum flow_state state = control_state(step->control);
	bool known = rst_window_known(step->control, flow, d);
	bool ends, passes;

	if (state == STATE_SYN_SENT && d == REPLY) {
		/* A refusal acknowledges the SYN (RFC 9293 3.10.7.3). */
		ends = (pkt->tcp_flags & TCP_ACK) &&
		       (pkt->ack == receiver->syn_seq + 1 ||
			pkt->ack == receiver->end);
		if (!ends) {
			tcp_invalid(step, INVALID_RESET);
			return;
		}
	} else {
		ends = rst_is_exact(flow, pkt, d, known) ||
		       rst_leaves_out_fin(step->control, sender, receiver, pkt,
					  d);
	}
	if (ends) {
		step->actions = TCP_REFRESH | TCP_END;
		step->reason = REASON_RST;
		return;
	}
	if (known && rst_is_late(step->control, receiver, pkt)) {
		step->actions = TCP_OLD;
		return;
	}
	/* In SYN_SENT, an answer of an older connection provokes a RST with its
	 * number. */
	passes = state == STATE_SYN_SENT ?
			 flow_heard(flow, !d) :
			 rst_is_inside(flow, pkt, d, known);
	if (passes)
		step->actions = TCP_REFRESH;
	/* The sender of the SYN expects a refusal. It ends nothing, since SYN and
	 * refusal can be forged without any number of the flow. */
	else if (!rst_refuses_syn(flow, step->control, pkt, d))
		tcp_invalid(step, INVALID_RESET);
}
