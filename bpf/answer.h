/* SPDX-License-Identifier: GPL-2.0 */
/* Packets of flows without a handshake: such a flow is established by its first answer. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "begin.h"
#include "event.h"
#include "flow.h"
#include "packet.h"
#include "table.h"

/* The first answer in a flow without a handshake. */
__noinline int track_answer(struct packet *pkt, struct flow *flow,
			    __u64 control)
{
	__u64 answered, keep, id;

	if (!pkt || !flow)
		return 0;
	id = flow_id(flow);
	keep = control & FLOW_KEPT ? 0 : flow_keep();
	answered = control_with_state(control, STATE_ESTABLISHED) |
		   flag_of(FLOW_SEEN, REPLY) | keep;
	if (!flow_keep_as(flow, control, answered))
		flow_release(keep);
	else
		event_emit(&pkt->key, flow, id, control, answered,
			   event_cause(REASON_NONE, REPLY));
	return 0;
}

/* A packet of a flow without a handshake. */
static __always_inline int track_answered(struct packet *pkt, struct flow *flow,
					  __u64 control, __u64 now)
{
	__u32 d = flow_direction(control, pkt);
	struct flow_traffic *traffic = flow_traffic(flow, d);

	octets_count(flow, pkt, d);
	flow_count(traffic, pkt, traffic_is_shared(traffic));
	flow_refresh(traffic, now);
	if (control_state(control) != STATE_NEW)
		return OUTCOME(VERDICT_ESTABLISHED, 0);
	if (!flow_side_fits(control, pkt, d)) {
		if (!(control & FLOW_ONE_SIDED))
			control_swap(flow, control, control | FLOW_ONE_SIDED);
		return OUTCOME(VERDICT_NEW, 0);
	}
	if (d == ORIGIN)
		return OUTCOME(VERDICT_NEW, 0);
	track_answer(pkt, flow, control);
	return OUTCOME(VERDICT_ESTABLISHED, 0);
}
