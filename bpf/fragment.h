/* SPDX-License-Identifier: GPL-2.0 */
/* Fragments. The first one has the ports; the others are attributed to its flow
 * by what they share with it, and never begin one. Where they overtake the
 * first they are forwarded untracked; how far they reach is known when it comes.
 *
 * Nothing is reassembled. A later fragment of a TCP segment is judged as a
 * segment of its own: its bytes have the numbers behind those of the first, and
 * a FIN is the last one's. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flags.h"
#include "flow.h"
#include "packet.h"
#include "tcp_window.h"
#include "tuple.h"

/* RFC 791: source, destination, protocol and identification. RFC 8200 4.5: without
 * the protocol, since what follows the fragment header may be another extension,
 * and differ between fragments. VLANs and PPPoE
 * sessions are ours. */
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

/* How many runs of bytes are told apart: fragments that come in order make one. */
#define MAX_RUNS 4
/* How long a first fragment is good for: as long as Linux waits for the others
 * (net/ipv4/ip_fragment.c, include/net/ipv6_frag.h). */
#define IPV4_FRAGMENT_NS (30ULL * 1000000000)
#define IPV6_FRAGMENT_NS (60ULL * 1000000000)

/* What only the first fragment shows, and what has come of its packet. */
struct fragment_first {
	__u64 seen_ns;
	__be16 port[2];
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 icmp_answer;
	__u8 proto;
	/* TCP: the number of the packet's first byte, were it one of the stream,
	 * and what the header says. */
	__u32 base;
	__u32 seq;
	__u32 ack;
	__u16 window;
	__u8 tcp_flags;
	__u8 pad;
	/* Bytes of the first and of all, zero while they are unknown, and how far
	 * those reach that overtook the first. */
	__u32 length;
	__u32 total;
	__u32 ahead;
	__u32 pad2;
	/* Runs of bytes that have come, the first one's in front. */
	__u32 runs[MAX_RUNS];
};

_Static_assert(sizeof(struct fragment_first) == 64,
	       "fragment_first has hidden padding");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment_first);
} fragments SEC(".maps");

/* What is known of a later fragment. */
enum recalled {
	FRAGMENT_UNKNOWN,
	FRAGMENT_KNOWN,
	/* It overlaps others, or reaches beyond the last one. */
	FRAGMENT_OVERLAPS,
};

/* A run is one word, so that it is read and written whole: where it begins, and
 * where it ends. None is empty. */
static __always_inline __u32 run_of(__u32 start, __u32 end)
{
	return start | end << 16;
}

static __always_inline __u32 run_start(__u32 run)
{
	return run & 0xffff;
}

static __always_inline __u32 run_end(__u32 run)
{
	return run >> 16;
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

	/* Source and destination, as they were before they were put in order. */
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

/* Keeps what a valid first fragment shows for those that follow. Another one of
 * the same identification takes its place: identifications are used again. */
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
	first.runs[0] = run_of(0, pkt->fragment_end);
	bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
	return 0;
}

/* Whether a later fragment fits what has come of its packet. One that was said
 * again does, unless it says a part of the first one again, which has the header
 * (RFC 3128). Partial overlaps never do (RFC 5722, RFC 8200 4.5). */
static __always_inline bool fragment_fits(const struct fragment_first *first,
					  __u32 start, __u32 end, bool last)
{
	int i;

	if (start < first->length ||
	    (first->total && (end > first->total ||
			      (last && end != first->total))))
		return false;
	for (i = 0; i < MAX_RUNS; i++) {
		__u32 run = READ_ONCE(first->runs[i]);

		if (last && run_end(run) > end)
			return false;
		if (start < run_end(run) && end > run_start(run) &&
		    (start < run_start(run) || end > run_end(run)))
			return false;
	}
	return true;
}

/* Takes a later fragment in. Where its packet is in more pieces than are told
 * apart it is forgotten: nothing overlaps it then. */
static __always_inline void fragment_take(struct fragment_first *first,
					  __u32 start, __u32 end)
{
	bool taken = false;
	int i;

	for (i = 0; i < MAX_RUNS && !taken; i++) {
		__u32 run = READ_ONCE(first->runs[i]);

		if (start >= run_start(run) && end <= run_end(run))
			return;
		taken = run && (run_end(run) == start || run_start(run) == end);
		if (taken && run_end(run) == start)
			WRITE_ONCE(first->runs[i], run_of(run_start(run), end));
		else if (taken)
			WRITE_ONCE(first->runs[i], run_of(start, run_end(run)));
	}
	for (i = 1; i < MAX_RUNS && !taken; i++) {
		taken = !READ_ONCE(first->runs[i]);
		if (taken)
			WRITE_ONCE(first->runs[i], run_of(start, end));
	}
	for (i = 1; i < MAX_RUNS; i++) {
		__u32 front = READ_ONCE(first->runs[0]);
		__u32 run = READ_ONCE(first->runs[i]);

		if (!run || run_start(run) != run_end(front))
			continue;
		WRITE_ONCE(first->runs[0], run_of(0, run_end(run)));
		WRITE_ONCE(first->runs[i], 0);
	}
}

/* Makes a TCP segment of a later fragment. */
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

static __always_inline bool fragment_is_old(const struct fragment_first *first,
					    const struct fragment_key *key)
{
	return clock_ns() - first->seen_ns >=
	       (key->family == 6 ? IPV6_FRAGMENT_NS : IPV4_FRAGMENT_NS);
}

/* Notes how far a fragment reaches that overtook the first of its TCP segment. */
static __always_inline void fragment_note_ahead(const struct packet *pkt,
						const struct fragment_key *key)
{
	struct fragment_first first = {
		.seen_ns = clock_ns(),
		.ahead = pkt->fragment_end,
		.total = pkt->fragment_last ? pkt->fragment_end : 0,
	};

	if (pkt->key.proto == IPPROTO_TCP)
		bpf_map_update_elem(&fragments, key, &first, BPF_ANY);
}

/* Makes the first fragment of a TCP segment reach as far as those do that overtook
 * it. Where the last is one of them a FIN is its own. */
__noinline int fragment_look_ahead(struct packet *pkt)
{
	struct fragment_first *first;
	struct fragment_key key;

	if (!pkt)
		return 0;
	key = fragment_key(pkt);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || first->length || fragment_is_old(first, &key) ||
	    first->ahead <= pkt->fragment_end)
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

	if (!pkt)
		return FRAGMENT_UNKNOWN;
	key = fragment_key(pkt);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || fragment_is_old(first, &key)) {
		fragment_note_ahead(pkt, &key);
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
	fragment_take(first, pkt->fragment_start, pkt->fragment_end);
	/* All of it has come: the identification is free again. */
	if (first->total && run_end(READ_ONCE(first->runs[0])) == first->total)
		bpf_map_delete_elem(&fragments, &key);
	return FRAGMENT_KNOWN;
}

/* A later fragment of a SYN or RST, which the flow was told by the first: only how
 * far was sent is news, and only of the SYN that began its direction. Any other may be
 * forged, and neither keeps the flow alive nor counts for it. */
__noinline int fragment_extend(struct packet *pkt, struct flow *flow, __u64 now)
{
	struct flow_dir *dir;
	__u64 control;
	bool shared;
	__u32 d;

	if (!pkt || !flow)
		return 0;
	control = READ_ONCE(flow->control);
	d = flow_direction(control, pkt) & 1;
	dir = &flow->dir[d];
	if (pkt->tcp_flags & TCP_SYN && pkt->first_seq == dir->syn_seq &&
	    has_flag(control, FLOW_SYN_SENT, d) &&
	    flow_side_fits(control, pkt, d)) {
		shared = dir_is_shared(dir);
		flow_count(dir, pkt, shared);
		flow_refresh(dir, now);
		seq_raise(&dir->end, pkt->end, shared);
	}
	return control_state(control) < STATE_ESTABLISHED;
}

/* A FIN is the last fragment's: takes it from the first, and gives it back. */
static __always_inline bool fragment_hold_fin(struct packet *pkt)
{
	if (!pkt->fragment || pkt->kind != PACKET_FLOW ||
	    pkt->fragment_last || !(pkt->tcp_flags & TCP_FIN))
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
