/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: how flows begin, by handshakes of all kinds or midstream, and begin anew. */
#pragma once

#include <linux/bpf.h>

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
		/* Nobody has acknowledged this one, and no FIN came after it. */
		step->control &= ~(flag_of(FLOW_SYN_ACKED, d) |
				   flag_of(FLOW_FIN_SENT, d));
		step->actions |= TCP_BEGIN;
	}
	step->control = control_with_state(step->control, STATE_SYN_RECV);
	if (handshake_done(step->control))
		step->actions |= TCP_OPENED;
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
	/* Before its own SYN a side can challenge or accept the other's; data
	 * may be an older connection's, a FIN is nobody's. */
	if (!both && ((pkt->tcp_flags & TCP_FIN) ||
		      !has_flag(step->control, FLOW_SYN_SENT, !d))) {
		tcp_invalid(step, INVALID_STATE);
		return;
	}
	if (!acks_syn(flow, pkt, d)) {
		/* The challenge of an older connection; the RST that it
		 * provokes makes room for the new one. */
		step->actions = TCP_REFRESH;
		return;
	}
	/* Older than the SYN: it completes nothing. */
	if (both && !seq_after(pkt->end, sender->syn_seq)) {
		step->actions = TCP_REFRESH;
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
