/* SPDX-License-Identifier: GPL-2.0 */
/* What is left of a TCP flow that ended: enough to know what comes late.
 *
 * A flow leaves the table with its last ACK or a RST, but its packets do not:
 * copies and segments that were overtaken are still on their way, the last ACK
 * may be lost behind us so that the FIN is said again, and what was sent before
 * a RST arrived there comes after it here. None of that is invalid (nf_conntrack
 * keeps the entry in TIME_WAIT or CLOSE for it), and none begins a flow.
 *
 * An LRU map: where there is no room, the oldest remains go. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "tcp_window.h"
#include "tuple.h"

/* What one side had sent, and what it permitted the other to send, with the window
 * beyond that which passes in an open flow. */
struct remains_dir {
	__u32 end;
	__u32 limit;
};

struct remains {
	__u64 ended_ticks;
	/* Of who sent the last segment, and which way that went. */
	struct remains_dir last;
	struct remains_dir other;
	__u32 reversed;
	/* How far below what was sent nothing of the flow can be. */
	__u32 oldest;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_key);
	__type(value, struct remains);
} ended SEC(".maps");

/* Remembers a flow that the segment pkt of direction d ends, in place of the one
 * before it. Until both sides have said something there is nothing to come late. */
__noinline int ended_remember(struct packet *pkt, struct flow *flow, __u32 d,
			      __u64 now)
{
	struct remains remains = { .ended_ticks = now };
	struct flow_dir *sender, *receiver;
	enum flow_state state;
	struct flow_key key;

	if (!pkt || !flow)
		return 0;
	key = pkt->key; /* see flow_find() */
	state = control_state(READ_ONCE(flow->control));
	if (state == STATE_NEW || state == STATE_SYN_SENT) {
		bpf_map_delete_elem(&ended, &key);
		return 0;
	}
	sender = &flow->dir[d & 1];
	receiver = &flow->dir[!(d & 1)];
	remains.reversed = pkt->reversed;
	remains.oldest = window_oldest(sender);
	if (remains.oldest < window_oldest(receiver))
		remains.oldest = window_oldest(receiver);
	remains.last.end = sender->end;
	remains.last.limit = sender->limit + sender->max_window;
	remains.other.end = receiver->end;
	remains.other.limit = receiver->limit + receiver->max_window;
	bpf_map_update_elem(&ended, &key, &remains, BPF_ANY);
	return 0;
}

/* Whether a segment without a flow is a late one of a flow that ended: as long
 * after that as TIME_WAIT lasts, and within what was sent and permitted then. */
__noinline int ended_expects(struct packet *pkt, __u64 now)
{
	__u64 timeout = config.timeout_ticks[TIMEOUT_TCP_TIME_WAIT];
	struct remains *remains;
	struct flow_key key;
	__u32 sent, end, limit;

	if (!pkt)
		return 0;
	key = pkt->key; /* see flow_find() */
	remains = bpf_map_lookup_elem(&ended, &key);
	if (!remains || now - remains->ended_ticks >= timeout)
		return 0;
	sent = remains->last.end;
	end = remains->other.end;
	limit = remains->other.limit;
	if (pkt->reversed != remains->reversed) {
		sent = remains->other.end;
		end = remains->last.end;
		limit = remains->last.limit;
	}
	if (seq_after(pkt->seq, limit) ||
	    seq_before(pkt->end, sent - remains->oldest))
		return false;
	return !(pkt->tcp_flags & TCP_ACK) ||
	       (!seq_after(pkt->ack, end) &&
		!seq_before(pkt->ack, end - remains->oldest));
}
