/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: what can be decided about a segment, and how its flow is asked. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"

/* How often an unanswered SYN may refresh its flow. Linux repeats 6 times. */
#define MAX_SYN_REFRESH 8

enum tcp_action {
	/* Take over the segment's numbers; keep the flow alive. */
	TCP_UPDATE = 1 << 0,
	TCP_REFRESH = 1 << 1,
	/* The SYN begins this direction. */
	TCP_BEGIN = 1 << 2,
	/* Remember the SYN until it is answered. */
	TCP_REMEMBER = 1 << 3,
	TCP_FINISH = 1 << 4,
	/* The SYN that opens the flow was said again: take over what it has more. */
	TCP_REPEAT = 1 << 7,
	/* Remember the SYN that another one takes the place of. */
	TCP_KEEP_OLD = 1 << 8,
	/* Note how far was sent, and nothing else. */
	TCP_EXTEND = 1 << 9,
	/* The handshake is done. */
	TCP_OPENED = 1 << 10,
	/* The ACK is for the SYN+ACK that another one took the place of. */
	TCP_TAKE_OLD = 1 << 11,
	/* The opener goes on, and what answers it does not pass here. */
	TCP_PICK_UP = 1 << 12,
	/* Too old: the flow does not count it. */
	TCP_OLD = 1 << 13,
	/* A segment with SYN that was sent before. Of others, their numbers tell. */
	TCP_AGAIN = 1 << 14,
	/* End the flow; end it and begin anew with this segment. */
	TCP_END = 1 << 5,
	TCP_RESTART = 1 << 6,
};

struct tcp_step {
	/* What control becomes. */
	__u64 control;
	/* Of a flow that is opened again: pending_end of the segment's direction
	 * and, above it, of the other one, and so pending_wscale. */
	__u64 ends;
	__u32 wscales;
	__u32 actions;
	__u8 verdict;
	__u8 invalid;
	__u8 reason;
};

/* Where a decision lies: the verifier does not follow what does, as it would on
 * the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_step);
} steps SEC(".maps");

static __always_inline struct tcp_step *tcp_step_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&steps, &zero);
}

/* The combinations that mean something: S SU SA R RA F/A F/A/U A A/U, with PSH,
 * ECE and CWR as they like. One bit for each value of the six flags. */
static __always_inline bool tcp_flags_valid(__u8 flags)
{
	const __u64 valid = 1ULL << TCP_SYN | 1ULL << (TCP_SYN | TCP_URG) |
			    1ULL << (TCP_SYN | TCP_ACK) | 1ULL << TCP_RST |
			    1ULL << (TCP_RST | TCP_ACK) |
			    1ULL << (TCP_FIN | TCP_ACK) |
			    1ULL << (TCP_FIN | TCP_ACK | TCP_URG) |
			    1ULL << TCP_ACK | 1ULL << (TCP_ACK | TCP_URG);

	return valid >> (flags & 0x37) & 1;
}

static __always_inline void tcp_invalid(struct tcp_step *step,
					enum invalid reason)
{
	step->verdict = VERDICT_INVALID;
	step->invalid = reason;
	step->actions = 0;
}

static __always_inline bool handshake_done(__u64 control)
{
	return has_flag(control, FLOW_SYN_ACKED, ORIGIN) &&
	       has_flag(control, FLOW_SYN_ACKED, REPLY);
}

/* Makes pending_end of direction d that of a SYN or of a SYN+ACK, which flag says,
 * and no longer that of the other. */
static __always_inline void tcp_step_pend(struct tcp_step *step,
					  enum flow_flag flag,
					  const struct packet *pkt, __u32 d)
{
	step->control &= ~(flag_of(FLOW_SYN_PENDING, d) |
			   flag_of(FLOW_SYN_ACK_PENDING, d) |
			   flag_of(FLOW_PENDING_SIDE, d));
	step->control |= flag_of(flag, d);
	if (pkt->side)
		step->control |= flag_of(FLOW_PENDING_SIDE, d);
}

/* TCP_AGAIN if the segment is the SYN or the SYN+ACK, which flag says, that waits in
 * its direction. */
static __always_inline __u32 tcp_step_again(const struct flow *flow,
					    __u64 control, enum flow_flag flag,
					    const struct packet *pkt, __u32 d)
{
	return has_flag(control, flag, d) &&
			       pkt->end == flow->dir[d & 1].pending_end ?
		       TCP_AGAIN :
		       0;
}

/* The tuple is opened again. */
static __always_inline void tcp_step_restart(struct tcp_step *step)
{
	step->actions = TCP_RESTART;
	step->reason = REASON_REUSED;
}

/* Whether a segment acknowledges the SYN that waits for its answer. */
static __always_inline bool acks_pending(const struct flow *flow, __u64 control,
					 const struct packet *pkt, __u32 d)
{
	return has_flag(control, FLOW_SYN_PENDING, !d) &&
	       pkt->ack == flow->dir[!d].pending_end;
}

/* Whether a packet came in by the other side than what waits in direction d. */
static __always_inline bool pending_is_across(__u64 control,
					      const struct packet *pkt, __u32 d)
{
	return config.sides_unknown ||
	       pkt->side != has_flag(control, FLOW_PENDING_SIDE, d);
}

/* Whether the SYN that waits in direction d came in by the wrong side, as the flow's
 * first packet tells the sides. */
static __always_inline bool pending_is_foreign(__u64 control, __u32 d)
{
	return !config.sides_unknown &&
	       has_flag(control, FLOW_SYN_PENDING, d) &&
	       has_flag(control, FLOW_PENDING_SIDE, d) !=
		       (!!(control & FLOW_SIDE) ^ (d & 1));
}

/* Whether a segment acknowledges the SYN+ACK of the other direction that waits for
 * that. */
static __always_inline bool acks_pending_answer(const struct flow *flow,
						__u64 control,
						const struct packet *pkt,
						__u32 d)
{
	return has_flag(control, FLOW_SYN_ACK_PENDING, !d) &&
	       pkt->ack == flow->dir[!d].pending_end;
}

/* Whether a segment shows that the sender of a pending SYN took the answer: the old
 * flow has ended at both ends. */
static __always_inline bool tcp_began_anew(const struct flow *flow,
					   __u64 control,
					   const struct packet *pkt, __u32 d)
{
	return acks_pending_answer(flow, control, pkt, d) &&
	       has_flag(control, FLOW_SYN_PENDING, d) &&
	       pkt->seq - flow->dir[d & 1].pending_end <= 0xffff &&
	       !(pkt->tcp_flags & TCP_FIN) &&
	       pending_is_across(control, pkt, !d);
}
