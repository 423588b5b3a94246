/* SPDX-License-Identifier: GPL-2.0 */
/* Fragments. Only the first fragment has the ports. Later ones have its
 * addresses and identification, by which they belong to its flow; they never
 * begin one. Those that arrive before the first are forwarded untracked, and
 * its lookup tells how far they reach.
 *
 * Nothing is reassembled. A later fragment of a TCP segment is checked as a
 * segment of its own: its sequence numbers follow those of the first fragment,
 * and a FIN belongs to the last one. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "recent.h"
#include "tcp_window.h"
#include "tuple.h"

/* What the fragments of a packet have in common: source, destination, protocol
 * and identification (RFC 791). IPv6 leaves the protocol out, since the
 * fragment header may name different next headers (RFC 8200 4.5). VLANs and the
 * PPPoE session are our addition. */
struct fragment_key {
	__be64 addr[2][2];
	__u32 id;
	__u16 vlan[2];
	__u8 proto;
	__u8 family;
	__u16 vlan_third;
	__u16 session;
	__u16 pad;
};

_Static_assert(sizeof(struct fragment_key) == 48,
	       "fragment_key has hidden padding");

/* Byte ranges that are kept per packet. Fragments in order share one. */
#define MAX_RANGES 4
/* How long a first fragment is remembered: as long as Linux waits for the
 * others (net/ipv4/ip_fragment.c, include/net/ipv6_frag.h). */
#define IPV4_FRAGMENT_NS (30ULL * 1000000000)
#define IPV6_FRAGMENT_NS (60ULL * 1000000000)

/* What only the first fragment shows, and which bytes of its packet arrived. */
struct fragment_first {
	__u64 seen_ns;
	__be16 port[2];
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 icmp_answer;
	__u8 proto;
	/* TCP: the sequence number that the packet's first byte would have, and
	 * fields of the header. */
	__u32 base;
	__u32 seq;
	__u32 ack;
	__u16 window;
	__u8 tcp_flags;
	__u8 pad;
	/* The lengths of the first fragment and of the packet, zero while
	 * unknown, and the end of the fragments that arrived before the
	 * first. */
	__u32 length;
	__u32 total;
	__u32 ahead;
	__u32 pad2;
	/* The byte ranges that arrived, the first fragment's in front. */
	__u32 ranges[MAX_RANGES];
};

_Static_assert(sizeof(struct fragment_first) == 64, "fragment_first has hidden "
						    "padding");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment_first);
} fragments SEC(".maps");

/* The result of a lookup for a later fragment. */
enum fragment_lookup {
	/* Its first fragment is unknown. */
	FRAGMENT_UNKNOWN,
	FRAGMENT_KNOWN,
	/* It overlaps another one, or reaches beyond the last one. */
	FRAGMENT_OVERLAPS,
};

/* Start and end of a range share one word, so that they are read and written
 * together. Zero is no range. */
static __always_inline __u32 range_of(__u32 start, __u32 end)
{
	return start | end << 16;
}

static __always_inline __u32 range_start(__u32 range)
{
	return range & 0xffff;
}

static __always_inline __u32 range_end(__u32 range)
{
	return range >> 16;
}

static __always_inline struct fragment_key fragment_key(const struct packet *pkt)
{
	const struct flow_key *flow = &pkt->key;
	struct fragment_key key = {
		.id = pkt->fragment_id,
		.vlan = { flow->vlan[0], flow->vlan[1] },
		.vlan_third = flow->vlan_third,
		.session = flow->session,
		.proto = pkt->fragment_proto,
		.family = flow->family,
	};

	/* The flow key has its ends in order. Here they are source and
	 * destination. */
	if (pkt->reversed) {
		key.addr[0][0] = flow->addr[1][0];
		key.addr[0][1] = flow->addr[1][1];
		key.addr[1][0] = flow->addr[0][0];
		key.addr[1][1] = flow->addr[0][1];
	} else {
		key.addr[0][0] = flow->addr[0][0];
		key.addr[0][1] = flow->addr[0][1];
		key.addr[1][0] = flow->addr[1][0];
		key.addr[1][1] = flow->addr[1][1];
	}
	return key;
}

/* Remembers a valid first fragment for those that follow. It replaces an
 * earlier one with the same identification, since senders reuse them. */
__noinline int fragment_remember(struct packet *pkt)
{
	struct fragment_first first = {};
	struct fragment_key key;

	if (!pkt)
		return 0;
	key = fragment_key(pkt);
	first.seen_ns = clock_ns();
	first.port[0] = pkt->key.port[pkt->reversed & 1];
	first.port[1] = pkt->key.port[!pkt->reversed];
	first.icmp_type = pkt->key.icmp_type;
	first.icmp_code = pkt->key.icmp_code;
	first.icmp_answer = pkt->icmp_answer;
	first.proto = pkt->key.proto;
	first.base = pkt->end - pkt->fragment_ahead -
		     !!(pkt->tcp_flags & TCP_FIN) - pkt->l4_length -
		     pkt->fragment_shift;
	first.seq = pkt->seq;
	first.ack = pkt->ack;
	first.window = pkt->window;
	first.tcp_flags = pkt->tcp_flags;
	first.length = pkt->fragment_end;
	first.ranges[0] = range_of(0, pkt->fragment_end);
	bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
	return 0;
}

/* Reports whether a later fragment fits those that arrived. A duplicate does,
 * unless it lies in the first fragment, which has the header (RFC 3128). A
 * partial overlap does not (RFC 5722, RFC 8200 4.5). */
static __always_inline bool fragment_fits(const struct fragment_first *first,
					  __u32 start, __u32 end, bool last)
{
	int i;

	if (start < first->length ||
	    (first->total &&
	     (end > first->total || (last && end != first->total))))
		return false;
	for (i = 0; i < MAX_RANGES; i++) {
		__u32 range = READ_ONCE(first->ranges[i]);

		if (last && range_end(range) > end)
			return false;
		if (start < range_end(range) && end > range_start(range) &&
		    (start < range_start(range) || end > range_end(range)))
			return false;
	}
	return true;
}

/* Adds the range of a later fragment. If all ranges are in use it is not kept,
 * and a fragment that overlaps it later goes unnoticed. */
static __always_inline void fragment_add(struct fragment_first *first,
					 __u32 start, __u32 end)
{
	bool added = false;
	int i;

	for (i = 0; i < MAX_RANGES && !added; i++) {
		__u32 range = READ_ONCE(first->ranges[i]);

		if (start >= range_start(range) && end <= range_end(range))
			return;
		added = range && (range_end(range) == start ||
				  range_start(range) == end);
		if (added && range_end(range) == start)
			WRITE_ONCE(first->ranges[i],
				   range_of(range_start(range), end));
		else if (added)
			WRITE_ONCE(first->ranges[i],
				   range_of(start, range_end(range)));
	}
	for (i = 1; i < MAX_RANGES && !added; i++) {
		added = !READ_ONCE(first->ranges[i]);
		if (added)
			WRITE_ONCE(first->ranges[i], range_of(start, end));
	}
	for (i = 1; i < MAX_RANGES; i++) {
		__u32 front = READ_ONCE(first->ranges[0]);
		__u32 range = READ_ONCE(first->ranges[i]);

		if (!range || range_start(range) != range_end(front))
			continue;
		WRITE_ONCE(first->ranges[0], range_of(0, range_end(range)));
		WRITE_ONCE(first->ranges[i], 0);
	}
}

/* Makes a later fragment a TCP segment of its own. */
static __always_inline void fragment_segment(struct packet *pkt,
					     const struct fragment_first *first)
{
	pkt->seq = first->base + pkt->fragment_start;
	pkt->first_seq = first->seq;
	pkt->end = first->base + pkt->fragment_end;
	pkt->ack = first->ack;
	pkt->window = first->window;
	pkt->tcp_flags = first->tcp_flags;
	if (pkt->fragment_last)
		pkt->end += !!(pkt->tcp_flags & TCP_FIN);
	else
		pkt->tcp_flags &= ~TCP_FIN;
}

static __always_inline struct fragment_first *fragment_find(
	const struct fragment_key *key, __u64 now_ns)
{
	return recent_find(&fragments, key, now_ns,
			   key->family == 6 ? IPV6_FRAGMENT_NS :
					      IPV4_FRAGMENT_NS);
}

/* Remembers a fragment of a TCP segment that arrived before the first one. */
static __always_inline void fragment_note_ahead(const struct packet *pkt,
						const struct fragment_key *key,
						__u64 now_ns)
{
	struct fragment_first first = {
		.seen_ns = now_ns,
		.ahead = pkt->fragment_end,
		.total = pkt->fragment_last ? pkt->fragment_end : 0,
	};

	if (pkt->key.proto == IPPROTO_TCP)
		bpf_map_update_elem(&fragments, key, &first, BPF_ANY);
}

/* Extends the first fragment of a TCP segment to the end of those that arrived
 * before it. If the last one did, the first one keeps a FIN. */
__noinline int fragment_look_ahead(struct packet *pkt)
{
	struct fragment_first *first;
	struct fragment_key key;

	if (!pkt)
		return 0;
	key = fragment_key(pkt);
	first = fragment_find(&key, clock_ns());
	if (!first || first->length || first->ahead <= pkt->fragment_end)
		return 0;
	pkt->fragment_ahead = first->ahead - pkt->fragment_end;
	pkt->fragment_last = !!first->total;
	pkt->end += pkt->fragment_ahead;
	return 0;
}

/* Gives a later fragment the ports of the first. */
__noinline int fragment_recall(struct packet *pkt)
{
	struct fragment_first *first;
	struct fragment_key key;
	__u64 now_ns;

	if (!pkt)
		return FRAGMENT_UNKNOWN;
	key = fragment_key(pkt);
	now_ns = clock_ns();
	first = fragment_find(&key, now_ns);
	if (!first) {
		fragment_note_ahead(pkt, &key, now_ns);
		return FRAGMENT_UNKNOWN;
	}
	if (!first->length) {
		if (pkt->fragment_end > first->ahead)
			first->ahead = pkt->fragment_end;
		if (pkt->fragment_last)
			first->total = pkt->fragment_end;
		return FRAGMENT_UNKNOWN;
	}
	if (!fragment_fits(first, pkt->fragment_start, pkt->fragment_end,
			   pkt->fragment_last))
		return FRAGMENT_OVERLAPS;
	pkt->key.port[0] = first->port[0];
	pkt->key.port[1] = first->port[1];
	pkt->key.icmp_type = first->icmp_type;
	pkt->key.icmp_code = first->icmp_code;
	pkt->icmp_answer = first->icmp_answer;
	pkt->key.proto = first->proto;
	if (first->proto == IPPROTO_TCP)
		fragment_segment(pkt, first);
	if (pkt->fragment_last)
		first->total = pkt->fragment_end;
	pkt->reversed = key_normalise(&pkt->key, pkt->icmp_answer);
	fragment_add(first, pkt->fragment_start, pkt->fragment_end);
	/* The packet is complete, so its identification may be reused. */
	if (first->total &&
	    range_end(READ_ONCE(first->ranges[0])) == first->total)
		bpf_map_delete_elem(&fragments, &key);
	return FRAGMENT_KNOWN;
}

/* A later fragment of a SYN or RST, whose first fragment was tracked as that.
 * It counts only if it is of the SYN that began its direction: it may be forged
 * otherwise. Returns whether the flow is not established yet. */
__noinline int fragment_extend(struct packet *pkt, struct flow *flow, __u64 now)
{
	struct flow_traffic *traffic;
	struct flow_dir *dir;
	__u64 control;
	bool shared;
	__u32 d;

	if (!pkt || !flow)
		return 0;
	control = READ_ONCE(flow->control);
	d = flow_direction(control, pkt) & 1;
	dir = &flow->dir[d];
	traffic = flow_traffic(flow, d);
	if (pkt->tcp_flags & TCP_SYN && pkt->first_seq == dir->syn_seq &&
	    has_flag(control, FLOW_SYN_SENT, d) &&
	    flow_side_fits(control, pkt, d)) {
		octets_count(flow, pkt, d);
		shared = traffic_is_shared(traffic);
		flow_count(traffic, pkt, shared);
		flow_refresh(traffic, now);
		seq_raise(&dir->end, pkt->end, shared);
	}
	return control_state(control) < STATE_ESTABLISHED;
}

/* The last fragment carries the FIN. fragment_hold_fin() takes it from the
 * first one, and fragment_release_fin() gives it back. */
static __always_inline bool fragment_hold_fin(struct packet *pkt)
{
	if (!pkt->fragment || pkt->kind != PACKET_FLOW || pkt->fragment_last ||
	    !(pkt->tcp_flags & TCP_FIN))
		return false;
	pkt->tcp_flags &= ~TCP_FIN;
	pkt->end--;
	return true;
}

static __always_inline void fragment_release_fin(struct packet *pkt)
{
	pkt->tcp_flags |= TCP_FIN;
	pkt->end++;
}
