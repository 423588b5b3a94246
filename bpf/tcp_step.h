/* SPDX-License-Identifier: GPL-2.0 */
/* TCP: a decision about a segment (struct tcp_step), and what it is based
 * on. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "tcp_window.h"

/* How many retransmissions of an unanswered SYN refresh its flow. Linux sends
 * 6. */
#define MAX_SYN_REFRESH 8

enum tcp_action {
	/* Update the direction's numbers by the segment. */
	TCP_UPDATE = 1 << 0,
	/* Keep the flow alive. */
	TCP_REFRESH = 1 << 1,
	/* Begin the direction with this segment. */
	TCP_BEGIN = 1 << 2,
	/* The segment is a SYN or SYN+ACK that is pending now. */
	TCP_PEND = 1 << 3,
	/* Note the number of the FIN. */
	TCP_FINISH = 1 << 4,
	/* The SYN that began the direction was retransmitted: it may carry
	 * data, permit more, or offer a window scale. */
	TCP_MERGE_SYN = 1 << 7,
	/* Another SYN or SYN+ACK replaces the one that began the direction:
	 * keep that as pending. */
	TCP_SAVE_OLD = 1 << 8,
	/* Raise the end of the direction, and nothing else. */
	TCP_EXTEND = 1 << 9,
	/* The handshake is complete. */
	TCP_OPENED = 1 << 10,
	/* The ACK is for the SYN+ACK that TCP_SAVE_OLD kept. */
	TCP_RESTORE_OLD = 1 << 11,
	/* The opener continues, and its answers do not pass here. */
	TCP_PICK_UP = 1 << 12,
	/* Too old: do not count it for the flow. */
	TCP_OLD = 1 << 13,
	/* A segment with SYN was retransmitted. tcp_disorder() counts
	 * others. */
	TCP_RETRANSMIT = 1 << 14,
	/* What is known of the other direction is not by its packets. */
	TCP_ALONE = 1 << 15,
	/* End the flow. */
	TCP_END = 1 << 5,
	/* End the flow, and begin a new one with this segment. */
	TCP_RESTART = 1 << 6,
};

struct tcp_step {
	/* The new value of control. */
	__u64 control;
	/* The flow's id. */
	__u64 id;
	/* For TCP_RESTART: pending_end of the segment's direction in the low
	 * half, of the other one in the high half; pending_wscale likewise, in
	 * bytes. */
	__u64 ends;
	__u32 wscales;
	__u32 actions;
	__u8 verdict;
	__u8 invalid;
	__u8 reason;
};

/* The decision is in a map, whose values the verifier does not follow. On the
 * stack it would. */
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

/* Reports whether a combination of flags is valid: S SU SA R RA FA FAU A AU.
 * PSH, ECE and CWR are ignored. valid has one bit per combination. */
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

/* Reports whether both SYNs are acknowledged. */
static __always_inline bool handshake_done(__u64 control)
{
	return has_flag(control, FLOW_SYN_ACKED, ORIGIN) &&
	       has_flag(control, FLOW_SYN_ACKED, REPLY);
}

/* Makes the segment the pending SYN or SYN+ACK of direction d, depending on
 * flag. A direction has only one of them. */
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

/* Returns TCP_RETRANSMIT if the segment is the pending SYN or SYN+ACK of its
 * direction, depending on flag. */
static __always_inline __u32 tcp_step_retransmit(const struct flow *flow,
						 __u64 control,
						 enum flow_flag flag,
						 const struct packet *pkt,
						 __u32 d)
{
	return has_flag(control, flag, d) &&
			       pkt->end == flow->dir[d & 1].pending_end ?
		       TCP_RETRANSMIT :
		       0;
}

/* Ends the flow, since its tuple is in use by a new connection. */
static __always_inline void tcp_step_restart(struct tcp_step *step)
{
	step->actions = TCP_RESTART;
	step->reason = REASON_REUSED;
}

/* Reports whether an ACK of direction d covers the other side's SYN, and
 * nothing that the other side has not sent. */
static __always_inline bool acks_syn(const struct flow *flow,
				     const struct packet *pkt, __u32 d)
{
	const struct flow_dir *other = &flow->dir[!d];

	return seq_after(pkt->ack, other->syn_seq) &&
	       !seq_after(pkt->ack, other->end);
}

/* Reports whether a segment acknowledges the pending SYN of the other
 * direction. */
static __always_inline bool acks_pending_syn(const struct flow *flow,
					     __u64 control,
					     const struct packet *pkt, __u32 d)
{
	return has_flag(control, FLOW_SYN_PENDING, !d) &&
	       pkt->ack == flow->dir[!d].pending_end;
}

/* Reports whether a packet came in by another side than the pending segment of
 * direction d. */
static __always_inline bool pending_from_other_side(__u64 control,
						    const struct packet *pkt,
						    __u32 d)
{
	return config.sides_unknown ||
	       pkt->side != has_flag(control, FLOW_PENDING_SIDE, d);
}

/* Reports whether the pending SYN of direction d came in by the wrong side, as
 * the flow's first packet defines the sides. */
static __always_inline bool pending_from_wrong_side(__u64 control, __u32 d)
{
	return !config.sides_unknown &&
	       has_flag(control, FLOW_SYN_PENDING, d) &&
	       has_flag(control, FLOW_PENDING_SIDE, d) !=
		       (!!(control & FLOW_SIDE) ^ (d & 1));
}

/* Reports whether a segment acknowledges the pending SYN+ACK of the other
 * direction. */
static __always_inline bool acks_pending_syn_ack(const struct flow *flow,
						 __u64 control,
						 const struct packet *pkt,
						 __u32 d)
{
	return has_flag(control, FLOW_SYN_ACK_PENDING, !d) &&
	       pkt->ack == flow->dir[!d].pending_end;
}

/* Reports whether an ACK inside the window acknowledges the older one of two
 * SYN+ACKs. */
static __always_inline bool acks_old_syn_ack(const struct flow *flow,
					     __u64 control,
					     const struct packet *pkt, __u32 d)
{
	return acks_pending_syn_ack(flow, control, pkt, d) &&
	       !has_flag(control, FLOW_SYN_ACKED, !d) &&
	       !seq_after(pkt->seq, flow->dir[!d].limit) &&
	       seq_after(pkt->end, flow->dir[d & 1].syn_seq);
}

/* Reports whether a segment completes a new handshake of the tuple: it is of
 * the pending SYN's sender, and acknowledges the pending SYN+ACK. The old
 * connection has ended at both ends then. */
static __always_inline bool tcp_is_reopened(const struct flow *flow,
					    __u64 control,
					    const struct packet *pkt, __u32 d)
{
	return acks_pending_syn_ack(flow, control, pkt, d) &&
	       has_flag(control, FLOW_SYN_PENDING, d) &&
	       pkt->seq - flow->dir[d & 1].pending_end <= 0xffff &&
	       !(pkt->tcp_flags & TCP_FIN) &&
	       pending_from_other_side(control, pkt, !d);
}
