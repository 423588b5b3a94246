/* SPDX-License-Identifier: GPL-2.0 */
/* How a flow of the partner becomes this tracker's own: by its first packet here
 * (inherit.h). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "begin.h"
#include "event.h"
#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "table.h"

/* The control of a flow of the partner once it is this tracker's own: on which sides its
 * ends are, the packet tells. */
static __always_inline __u64 adopted(const struct packet *pkt, __u64 control)
{
	__u64 own = control & ~(__u64)(FLOW_INHERITED | FLOW_SIDE |
				       FLOW_ONE_SIDED);

	if (pkt->side != flow_direction(control, pkt))
		own |= FLOW_SIDE;
	return own;
}

/* Whether a packet begins another connection than the one that the partner told of, which
 * was not answered there. Who lies about a tuple that is still to begin does not know the
 * number of its SYN. */
static __always_inline bool adopt_begins(const struct packet *pkt,
					 const struct flow *flow, __u64 control)
{
	__u32 d = flow_direction(control, pkt);

	return pkt->key.proto == IPPROTO_TCP &&
	       (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       control_state(control) < STATE_ESTABLISHED &&
	       !(has_flag(control, FLOW_SYN_SENT, d) &&
		 flow->dir[d & 1].syn_seq == pkt->seq);
}

/* Makes a flow this tracker's own, or ends it where the packet begins another one. One that
 * was answered is kept when somebody would evict it (evict.h). Returns an outcome, 0 where
 * it did nothing. A RST makes none: who could forge it might end it. */
__noinline int flow_adopt(struct packet *pkt, struct flow *flow, __u64 control,
			  __u64 now)
{
	if (!pkt || !flow ||
	    (pkt->key.proto == IPPROTO_TCP && pkt->tcp_flags & TCP_RST))
		return 0;
	if (adopt_begins(pkt, flow, control))
		return flow_destroy(flow, control,
				    event_cause(REASON_REUSED, ORIGIN)) ?
			       OUTCOME_NO_FLOW :
			       OUTCOME_EXISTS;
	flow_refresh(flow_traffic(flow, flow_direction(control, pkt)), now);
	return control_swap(flow, control, adopted(pkt, control)) ?
		       OUTCOME_EXISTS :
		       0;
}
