/* SPDX-License-Identifier: GPL-2.0 */
/* From a packet to its verdict. Knows neither XDP nor skb. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "adopt.h"
#include "answer.h"
#include "begin.h"
#include "capture.h"
#include "ended.h"
#include "evict.h"
#include "flow.h"
#include "fragment.h"
#include "group.h"
#include "moved.h"
#include "packet.h"
#include "resync.h"
#include "stats.h"
#include "table.h"
#include "tcp.h"
#include "timeout.h"
#include "trace.h"

/* How often a transition is tried against others that win. */
#define MAX_TRIES 3
/* How many steps it takes at most to find or begin a packet's flow. */
#define MAX_STEPS 4

/* Whether a part of the handshake was repeated, or with another number. When the
 * one was sent that is answered now is not known (RFC 6298 section 3). */
static __always_inline bool handshake_repeats(const struct flow *flow,
					      __u64 control)
{
	return flow->origin.retransmits || flow->reply.retransmits ||
	       control & (flags_of(FLOW_SYN_PENDING) |
			  flags_of(FLOW_SYN_ACK_PENDING));
}

/* The handshake tells how long each side takes to answer. control is the flow's
 * before the answer. */
static __always_inline void tcp_note_rtt(struct flow *flow, __u64 control,
					 __u32 d)
{
	enum flow_state from = control_state(control);
	__u32 since_us;

	if ((from != STATE_SYN_SENT && from != STATE_SYN_RECV) ||
	    handshake_repeats(flow, control))
		return;
	since_us = (clock_ns() - flow->created_ns) / 1000;
	if (from == STATE_SYN_SENT && d == REPLY)
		flow->reply.rtt_us = since_us;
	else if (from == STATE_SYN_RECV && d == ORIGIN)
		flow->origin.rtt_us = since_us - flow->reply.rtt_us;
}

/* A TCP packet that is not valid for its flow. */
static __always_inline int tcp_refused(struct packet *pkt, struct flow *flow,
				       __u64 control, enum invalid reason,
				       __u32 d)
{
	if (!handshake_done(control)) {
		/* What this answers may have passed the partner: for a RST, the
		 * other direction did. It changes nothing. */
		if (config.paired && (reason != INVALID_RESET ||
				      !has_flag(control, FLOW_SEEN, !d)))
			return OUTCOME(VERDICT_ESTABLISHED, 0);
	} else if (reason == INVALID_WINDOW || reason == INVALID_RESET) {
		if (pkt->tcp_flags & (TCP_FIN | TCP_RST) &&
		    flow_side_fits(control, pkt, d))
			control_swap(flow, control,
				     control | flag_of(FLOW_ENDED_OUTSIDE, d));
		if (reason == INVALID_WINDOW) {
			switch (resync_try(pkt, flow, d)) {
			case RESYNC_DONE:
				return OUTCOME_RETRY;
			case RESYNC_ASK:
				if (config.policy == POLICY_ENFORCE)
					return OUTCOME(VERDICT_ESTABLISHED, 0);
			}
		}
		/* It changes nothing, so that the next one passes as well. */
		if (may_have_moved(flow, d))
			return OUTCOME(VERDICT_ESTABLISHED, 0);
	}
	count_up(&flow->origin.others);
	return OUTCOME(VERDICT_INVALID, reason);
}

/* The first packet of a direction here. In an open flow that the partner had the partner
 * learns at once that it has moved, if it lives. */
__noinline int tcp_note_first(struct packet *pkt, struct flow *flow,
			      struct tcp_step *step, __u64 control, __u32 d)
{
	if (!pkt || !flow || !step)
		return 0;
	if (!has_flag(step->control, FLOW_SEEN, d)) {
		flow_note_heard(flow, d);
		return 0;
	}
	flow_note_link(flow, pkt, d);
	if (config.paired & PAIRED_LIVES &&
	    control_state(control) >= STATE_ESTABLISHED &&
	    control_state(control) == control_state(step->control))
		event_copy(&pkt->key, flow, step->id,
			   control_change(control, step->control),
			   event_cause(REASON_NONE, d));
	return 0;
}

/* One try at a TCP packet that may change its flow. */
__noinline int tcp_try(struct packet *pkt, struct flow *flow, __u64 now)
{
	struct tcp_step *step = tcp_step_get();
	struct flow_traffic *traffic;
	__u64 control;
	bool shared;
	__u32 d;

	if (!pkt || !flow || !step)
		return OUTCOME_NO_FLOW;
	control = READ_ONCE(flow->control);
	flow = flow_after(flow, control);
	if (control_state(control) == STATE_NONE ||
	    !flow_has_key(flow, (const __u64 *)&pkt->key))
		return OUTCOME_NO_FLOW;
	d = flow_direction(control, pkt);
	step->control = control;
	step->id = flow_id(flow);
	tcp_step(step, flow, pkt, d);
	if (step->verdict == VERDICT_INVALID)
		return tcp_refused(pkt, flow, control, step->invalid, d);
	if (step->actions & TCP_RESTART)
		return tcp_end_old(step, pkt, flow, control, d);
	/* Whoever sees that there was a FIN goes by its number. */
	if (step->actions & TCP_FINISH)
		WRITE_ONCE(flow->dir[d & 1].fin_end, pkt->end);
	if (!(step->actions & TCP_END) && step->control != control) {
		__u64 keep = 0;

		/* Open by the word of a partner it may have been before. */
		if (control_state(step->control) >= STATE_ESTABLISHED &&
		    flow_seen_both(step->control) && !(control & FLOW_KEPT))
			keep = flow_keep();
		step->control |= keep;
		if (!flow_keep_as(flow, control, step->control)) {
			flow_release(keep);
			return OUTCOME_RETRY;
		}
	}
	if (!has_flag(control, FLOW_SEEN, d))
		tcp_note_first(pkt, flow, step, control, d);
	if (exact_octets && !(step->actions & TCP_OLD))
		octets_add(flow, pkt, d);
	shared = traffic_is_shared(flow_traffic(flow, d));
	tcp_apply(flow, pkt, step, control, d, shared);
	/* A direction that has packets has numbers. */
	asm volatile("" : "+r"(d) : : "memory");
	traffic = flow_traffic(flow, d);
	if (!(step->actions & TCP_OLD))
		flow_count(traffic, pkt, shared);
	if (step->actions & TCP_REFRESH)
		flow_refresh(traffic, now);
	if (step->actions & TCP_END) {
		ended_remember(&pkt->key, flow, d, pkt->reversed, now);
		/* Whoever lost this race lost it to another end. */
		flow_destroy(flow, control, event_cause(step->reason, d));
	} else if (control_state(step->control) != control_state(control)) {
		tcp_note_rtt(flow, control, d);
		event_emit(&pkt->key, flow, step->id, control, step->control,
			   event_cause(REASON_NONE, d));
	}
	return OUTCOME(step->verdict, 0);
}

static __always_inline int tcp_slow(struct packet *pkt, struct flow *flow,
				    __u64 now)
{
	struct cpu_stats *stats;
	int i;

	for (i = 0; i < MAX_TRIES; i++) {
		int outcome = tcp_try(pkt, flow, now);

		if (outcome != OUTCOME_RETRY)
			return outcome;
	}
	stats = stats_get();
	if (stats)
		stats->races++;
	return OUTCOME(VERDICT_ESTABLISHED, 0);
}

/* Whether a packet nearly always begins a flow. It is entered at once: to look
 * first for what is not there is a tenth of what a new flow costs. */
static __always_inline bool is_opening(const struct packet *pkt)
{
	__u8 flags = pkt->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	return pkt->key.proto == IPPROTO_TCP && flags == TCP_SYN &&
	       pkt->kind == PACKET_FLOW;
}

/* A TCP packet that belongs to the flow. */
static __always_inline int track_segment(struct packet *pkt, struct flow *flow,
					 __u64 now)
{
	bool held;
	int outcome;

	if (pkt->kind == PACKET_FRAGMENT &&
	    pkt->tcp_flags & (TCP_SYN | TCP_RST))
		return OUTCOME(fragment_extend(pkt, flow, now) ?
				       VERDICT_NEW :
				       VERDICT_ESTABLISHED,
			       0);
	held = fragment_hold_fin(pkt);
	outcome = tcp_slow(pkt, flow, now);
	if (held)
		fragment_release_fin(pkt);
	return outcome;
}

/* A packet of a flow that is in the table. */
static __always_inline int track_known(struct packet *pkt, __u64 now)
{
	struct flow *flow;
	__u64 control;

	flow = flow_living(&pkt->key, &control);
	if (!flow)
		return OUTCOME_NO_FLOW;
	if (control & FLOW_CAPTURED)
		capture_note(pkt, flow, control);
	if (control & FLOW_INHERITED) {
		int outcome = flow_adopt(pkt, flow, control, now);

		if (outcome)
			return outcome;
	}
	if (track_expired(flow, control, now) &&
	    flow_destroy(flow, control, event_cause(REASON_EXPIRED, ORIGIN)))
		return OUTCOME_NO_FLOW;
	if (pkt->key.proto == IPPROTO_TCP)
		return track_segment(pkt, flow, now);
	return track_answered(pkt, flow, control, now);
}

/* A packet that belongs to a flow or may begin one: the first step to that. */
static __always_inline int track_flow(struct packet *pkt, __u64 now)
{
	if (pkt->key.proto == IPPROTO_TCP && !tcp_flags_valid(pkt->tcp_flags))
		return OUTCOME(VERDICT_INVALID, INVALID_FLAGS);
	if (is_opening(pkt))
		return track_first(pkt, now);
	if (pkt->group && pkt->key.icmp_type && !pkt->icmp_answer &&
	    pkt->kind == PACKET_FLOW)
		group_remember(pkt);
	return OUTCOME_EXISTS;
}

/* The steps that follow, until the packet has its flow or cannot have one. Other packets
 * begin, end and evict flows meanwhile, and take the places that were made free. */
static __always_inline int track_on(struct packet *pkt, int outcome, __u64 now)
{
	int i;

	/* An odd i tells that the flow was ended for another one to begin: the stack is
	 * short. */
	for (i = 0; i < 2 * MAX_STEPS; i += 2) {
		if (outcome == OUTCOME_EXISTS) {
			outcome = track_known(pkt, now);
			continue;
		}
		if (outcome == OUTCOME_BEGIN)
			i |= 1;
		else if (outcome != OUTCOME_NO_FLOW &&
			 !(outcome == OUTCOME_FULL && evict_oldest()) &&
			 !(outcome == OUTCOME_CROWDED &&
			   bucket_evict(&pkt->key)))
			break;
		outcome = i & 1 ? tcp_begin_again(pkt, now) :
				  track_first(pkt, now);
	}
	return outcome;
}

/* An ICMP error is related to the flow whose packet it quotes, and neither
 * keeps it alive nor ends it: anybody can send one. */
__noinline int track_error(struct packet *pkt)
{
	struct flow *flow;
	__u64 control;

	if (!pkt)
		return OUTCOME(VERDICT_UNTRACKED, 0);
	flow = flow_living(&pkt->key, &control);
	/* The partner may know it. */
	if (!flow && config.paired)
		return OUTCOME(VERDICT_RELATED, 0);
	if (!flow)
		return OUTCOME(VERDICT_INVALID, INVALID_ICMP);
	if (control & FLOW_CAPTURED)
		capture_note(pkt, flow, control);
	count_up(&flow->reply.others);
	return OUTCOME(VERDICT_RELATED, 0);
}

/* Finds out what a fragment has to do with others of its packet. */
static __always_inline int track_recall(struct packet *pkt)
{
	if (pkt->kind == PACKET_FRAGMENT)
		return fragment_recall(pkt);
	if (pkt->fragment && pkt->kind == PACKET_FLOW &&
	    pkt->key.proto == IPPROTO_TCP)
		fragment_look_ahead(pkt);
	return FRAGMENT_KNOWN;
}

/* Whatever is not an established flow's next segment. */
static __always_inline int track_slow(struct packet *pkt, int recalled,
				      __u64 now)
{
	if (pkt->icmp_false)
		return OUTCOME(VERDICT_INVALID, INVALID_ICMP);
	if (recalled == FRAGMENT_OVERLAPS)
		return OUTCOME(VERDICT_INVALID, INVALID_MALFORMED);
	if (recalled == FRAGMENT_UNKNOWN)
		return OUTCOME(VERDICT_UNTRACKED, UNTRACKED_FRAGMENT);
	switch (pkt->kind) {
	case PACKET_FLOW:
	/* Belongs to the flow of the first, and begins none. */
	case PACKET_FRAGMENT:
		return track_flow(pkt, now);
	case PACKET_ERROR:
		return track_error(pkt);
	case PACKET_UNTRACKED:
		return OUTCOME(VERDICT_UNTRACKED, pkt->untracked);
	default:
		return OUTCOME(VERDICT_INVALID, INVALID_MALFORMED);
	}
}

/* Counts why a packet is invalid or untracked. */
static __always_inline void count_reason(struct cpu_stats *stats,
					 struct packet *pkt, __u32 verdict,
					 __u32 reason)
{
	if (verdict == VERDICT_INVALID && reason < NUM_INVALID) {
		stats->invalid[reason] += pkt->segments;
		pkt->invalid = reason;
	}
	if (verdict == VERDICT_UNTRACKED && reason < NUM_UNTRACKED)
		stats->untracked[reason] += pkt->segments;
}

/* Tracks a packet, counts it, and tells what it is. */
static __always_inline enum verdict track(struct packet *pkt,
					  struct cpu_stats *stats, __u64 now)
{
	int recalled = track_recall(pkt);
	__u32 verdict, from = tracing ? trace_before(pkt) : STATE_NONE;
	__u64 created = stats->created;
	int outcome = track_slow(pkt, recalled, now);

	/* From here and not from where it was noticed: the stack is short. */
	outcome = track_on(pkt, outcome, now);
	if (stats->created != created) {
		if (capturing)
			pkt->captured = CAPTURED_FIRST;
		if (!(stats->created % TENDED_EVERY) && nursery_tend())
			evict_oldest();
	}
	if (outcome == OUTCOME_FULL)
		stats->table_full++;
	if (outcome == OUTCOME_CROWDED)
		stats->table_busy++;
	if (outcome < 0)
		outcome = OUTCOME(VERDICT_UNTRACKED, 0);
	verdict = OUTCOME_VERDICT(outcome);

	stats->bytes += pkt->bytes;
	if (verdict >= NUM_VERDICTS)
		verdict = VERDICT_UNTRACKED;
	/* The compiler may compare one copy and index by another, of which the
	 * verifier of Linux 6.1 knows nothing. So the index is bounded itself. */
	asm volatile("" : "+r"(verdict));
	stats->verdict[verdict & VERDICT_MASK] += pkt->segments;
	if (pkt->fragment && pkt->kind == PACKET_FLOW &&
	    (verdict == VERDICT_NEW || verdict == VERDICT_ESTABLISHED))
		fragment_remember(pkt);
	count_reason(stats, pkt, verdict, OUTCOME_REASON(outcome));
	if (tracing)
		trace_after(pkt, from, verdict, OUTCOME_REASON(outcome));
	return verdict;
}
