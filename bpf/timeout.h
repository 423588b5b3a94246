/* SPDX-License-Identifier: GPL-2.0 */
/* Timeouts of flows. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>

#include "config.h"
#include "flags.h"
#include "flow.h"
#include "tcp_window.h"

/* Reports whether an idle flow is probably dead: data is unacknowledged, or a
 * window is closed. Live flows do not stay idle like that, so a shorter timeout
 * applies. Only the timeout check of an idle flow calls this, so it costs
 * active flows nothing. The next acknowledgement ends the condition. */
static __always_inline bool tcp_is_stalled(const struct flow *flow)
{
	const struct flow_dir *origin = &flow->dir[ORIGIN];
	const struct flow_dir *reply = &flow->dir[REPLY];

	return seq_before(reply->acked, origin->end) ||
	       seq_before(origin->acked, reply->end) ||
	       origin->limit - origin->acked <= 1 ||
	       reply->limit - reply->acked <= 1;
}

/* Reports whether both directions have sent a FIN or RST outside the window,
 * and nothing inside it since: the flow has missed the end of its connection
 * (nf_tcp_handle_invalid() of nf_conntrack_proto_tcp.c). */
static __always_inline bool tcp_ended_outside(const struct flow *flow)
{
	const __u64 both = flags_of(FLOW_ENDED_OUTSIDE);

	return (READ_ONCE(flow->control) & both) == both;
}

static __always_inline enum timeout tcp_timeout(enum flow_state state)
{
	switch (state) {
	case STATE_SYN_SENT:
		return TIMEOUT_TCP_SYN_SENT;
	case STATE_SYN_RECV:
		return TIMEOUT_TCP_SYN_RECV;
	case STATE_ESTABLISHED:
		return TIMEOUT_TCP_ESTABLISHED;
	case STATE_FIN_WAIT_1:
	case STATE_FIN_WAIT_2:
		return TIMEOUT_TCP_FIN_WAIT;
	case STATE_LAST_ACK:
		return TIMEOUT_TCP_LAST_ACK;
	case STATE_TIME_WAIT:
		return TIMEOUT_TCP_TIME_WAIT;
	default:
		return TIMEOUT_TCP_UNACKNOWLEDGED;
	}
}

static __always_inline enum timeout flow_timeout(__u8 proto,
						 enum flow_state state)
{
	switch (proto) {
	case IPPROTO_TCP:
		return tcp_timeout(state);
	case IPPROTO_UDP:
		return state == STATE_NEW ? TIMEOUT_UDP_UNIDIRECTIONAL :
					    TIMEOUT_UDP_BIDIRECTIONAL;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return TIMEOUT_ICMP;
	default:
		return TIMEOUT_OTHER;
	}
}

/* Returns the timeout of a flow in ticks. */
static __always_inline __u64 flow_timeout_ticks(const struct flow *flow,
						__u8 proto,
						enum flow_state state)
{
	__u32 name = flow_timeout(proto, state);

	if (flow->timeout_ticks)
		return flow->timeout_ticks;
	if (name == TIMEOUT_TCP_ESTABLISHED &&
	    (tcp_is_stalled(flow) || tcp_ended_outside(flow)))
		name = TIMEOUT_TCP_UNACKNOWLEDGED;
	return name < NUM_TIMEOUTS ? config.timeout_ticks[name] : 0;
}

static __always_inline __u64 ticks_since(__u64 then, __u64 now)
{
	return now > then ? now - then : 0;
}

/* Returns how long a flow has been idle, in ticks. */
static __always_inline __u64 flow_idle_ticks(const struct flow *flow, __u64 now)
{
	__u64 seen = flow->origin.last_seen_ticks;
	__u64 reply = flow->reply.last_seen_ticks;

	return ticks_since(reply > seen ? reply : seen, now);
}

static __always_inline bool flow_expired(const struct flow *flow, __u8 proto,
					 enum flow_state state, __u64 now)
{
	__u64 idle = flow_idle_ticks(flow, now);

	return idle && idle >= flow_timeout_ticks(flow, proto, state);
}

/* The same as a function of its own, which the verifier follows once. */
__noinline int track_expired(struct flow *flow, __u64 control, __u64 now)
{
	return flow && flow_expired(flow, flow->key.proto,
				    control_state(control), now);
}
