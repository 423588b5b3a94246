/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: how flows begin whose handshake did not pass here, or not all of it: they are
 * picked up midstream, or the partner of a pair heard the rest. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "tcp_close.h"
#include "tcp_step.h"
#include "tcp_window.h"

/* An ACK of a SYN+ACK that the partner heard completes the handshake. The other direction has
 * no numbers here, so it begins with its next segment. */
static __always_inline void tcp_step_half_opened(struct tcp_step *step,
						 const struct flow *flow,
						 const struct packet *pkt,
						 __u32 d)
{
	if (!has_flag(step->control, FLOW_SYN_ACKED, d) ||
	    pkt->ack - flow->dir[!d].syn_seq - 1 > MIN_ACK_LAG)
		return;
	step->control |= flag_of(FLOW_SYN_ACKED, !d) | FLOW_MIDSTREAM;
	step->actions |= TCP_OPENED;
}

/* Whether a segment is what its direction sends after a FIN of which the partner told in
 * TIME_WAIT, or that FIN again. */
static __always_inline bool midstream_closed(__u64 control,
					     const struct flow_dir *sender,
					     const struct packet *pkt, __u32 d)
{
	return control_state(control) == STATE_TIME_WAIT &&
	       has_flag(control, FLOW_FIN_SENT, d) &&
	       pkt->end == sender->fin_end &&
	       (pkt->tcp_flags & TCP_FIN || pkt->seq == pkt->end);
}

/* The first answer in a flow that was picked up midstream. */
static __always_inline void tcp_step_midstream(struct tcp_step *step,
					       const struct flow *flow,
					       const struct packet *pkt,
					       __u32 d)
{
	step->actions = TCP_BEGIN | TCP_UPDATE | TCP_REFRESH;
	if (!has_flag(step->control, FLOW_SEEN, !d))
		step->actions |= TCP_ALONE;
	if (midstream_closed(step->control, &flow->dir[d & 1], pkt, d))
		return;
	step->control |= flag_of(FLOW_SYN_ACKED, ORIGIN) |
			 flag_of(FLOW_SYN_ACKED, REPLY);
	/* That this direction has ended only a partner can have said. */
	if (has_flag(step->control, FLOW_FIN_SENT, d))
		step->control |= flag_of(FLOW_ENDED_OUTSIDE, d);
	step->control &= ~(flag_of(FLOW_FIN_SENT, d) |
			   flag_of(FLOW_FIN_ACKED, d));
	step->actions |= TCP_OPENED;
	tcp_step_early_fin(step, flow, pkt, d);
}

/* A segment of a flow that was picked up midstream and is not answered yet. */
static __always_inline void tcp_step_unanswered(struct tcp_step *step,
						const struct flow *flow,
						const struct packet *pkt,
						__u32 d)
{
	step->actions = TCP_UPDATE | TCP_REFRESH;
	tcp_step_early_fin(step, flow, pkt, d);
}

/* Makes a flow that was picked up midstream begin with this SYN instead. */
static __always_inline void tcp_step_begin_syn(struct tcp_step *step)
{
	step->control &= ~(__u64)FLOW_MIDSTREAM;
	step->control |= flag_of(FLOW_SYN_SENT, ORIGIN);
	step->control = control_with_state(step->control, STATE_SYN_SENT);
	step->actions = TCP_BEGIN | TCP_REFRESH;
}

/* A SYN in a flow that was picked up midstream and is not answered yet. */
static __always_inline void tcp_step_midstream_syn(struct tcp_step *step,
						   const struct flow *flow,
						   const struct packet *pkt,
						   __u32 d)
{
	/* The SYN of this flow, late. */
	if (has_flag(step->control, FLOW_SYN_SENT, d) &&
	    pkt->seq == flow->dir[d & 1].syn_seq)
		step->actions = TCP_REFRESH | TCP_RETRANSMIT;
	/* Keep a pending SYN, which may be the honest one. */
	else if (d == ORIGIN && step->control & FLOW_ONE_SIDED &&
		 step->control & flags_of(FLOW_SYN_PENDING))
		tcp_step_begin_syn(step);
	else
		tcp_step_restart(step);
}
