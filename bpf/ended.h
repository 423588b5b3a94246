/* SPDX-License-Identifier: GPL-2.0 */
/* TCP flows that ended: enough to recognise their late packets.
 *
 * A flow leaves the table with the last ACK of LAST_ACK or with a RST, but some
 * of its packets arrive later: duplicates, reordered segments, a FIN that is
 * retransmitted because the last ACK was lost behind the tracker, and segments
 * that were in flight when the RST passed. They are not invalid, and they begin
 * no flow. nf_conntrack keeps the entry in TIME_WAIT or CLOSE for them. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "recent.h"
#include "tcp_window.h"
#include "tuple.h"

/* The end of what one side had sent, and the end of what it permitted the other
 * side to send: its window, and one more that passes in an open flow, too. */
struct ended_dir {
	__u32 end;
	__u32 limit;
};

struct ended_flow {
	__u64 ended_ticks;
	/* The sender of the last segment, and packet.reversed of that
	 * segment. */
	struct ended_dir last;
	struct ended_dir other;
	__u32 reversed;
	/* A number this far below the end of its direction is not of this
	 * flow. */
	__u32 max_lag;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_key);
	__type(value, struct ended_flow);
} ended SEC(".maps");

/* Remembers a flow that ends with a segment of direction d, and forgets an earlier
 * one of the same tuple. Until both sides have sent something, nothing can be
 * late. The key lies on the stack or in a map, for Linux up to 6.1. */
static __always_inline void ended_note(const struct flow_key *key,
				       const struct flow *flow, __u32 d,
				       __u32 reversed, __u64 now)
{
	struct ended_flow past = { .ended_ticks = now };
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!(d & 1)];
	enum flow_state state = control_state(READ_ONCE(flow->control));

	if (state == STATE_NEW || state == STATE_SYN_SENT) {
		bpf_map_delete_elem(&ended, key);
		return;
	}
	past.reversed = reversed;
	past.max_lag = window_oldest(sender);
	if (past.max_lag < window_oldest(receiver))
		past.max_lag = window_oldest(receiver);
	past.last.end = sender->end;
	past.last.limit = sender->limit + sender->max_window;
	past.other.end = receiver->end;
	past.other.limit = receiver->limit + receiver->max_window;
	bpf_map_update_elem(&ended, key, &past, BPF_ANY);
}

/* Remembers a flow that the segment pkt of direction d ends. */
__noinline int ended_remember(struct packet *pkt, struct flow *flow, __u32 d,
			      __u64 now)
{
	struct flow_key key;

	if (!pkt || !flow)
		return 0;
	key = pkt->key;
	ended_note(&key, flow, d, pkt->reversed, now);
	return 0;
}

/* Reports whether a segment without a flow is a late one of a flow that ended:
 * within the TIME_WAIT timeout, and within what was sent and permitted then. */
__noinline int ended_expects(struct packet *pkt, __u64 now)
{
	struct ended_flow *past;
	struct flow_key key;
	__u32 sent, end, limit;

	if (!pkt)
		return 0;
	/* Up to Linux 6.1 keys lie on the stack or in a map. */
	key = pkt->key;
	past = recent_find(&ended, &key, now,
			   config.timeout_ticks[TIMEOUT_TCP_TIME_WAIT]);
	if (!past)
		return 0;
	sent = past->last.end;
	end = past->other.end;
	limit = past->other.limit;
	if (pkt->reversed != past->reversed) {
		sent = past->other.end;
		end = past->last.end;
		limit = past->last.limit;
	}
	if (seq_after(pkt->seq, limit) ||
	    seq_before(pkt->end, sent - past->max_lag))
		return false;
	return !(pkt->tcp_flags & TCP_ACK) ||
	       (!seq_after(pkt->ack, end) &&
		!seq_before(pkt->ack, end - past->max_lag));
}
