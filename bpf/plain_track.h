/* SPDX-License-Identifier: GPL-2.0 */
/* The fast path of both hooks: a plain packet (plain.h) of an established flow. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "packet.h"
#include "plain.h"
#include "reorder.h"
#include "stats.h"
#include "table.h"
#include "tcp_window.h"
#include "timeout.h"
#include "walk.h"

/* Whether an established flow that was not heard within this tick has expired.
 * Called rarely, so it is kept out of the way. */
__noinline int plain_expired(struct flow *flow, __u64 now)
{
	return !flow || track_expired(flow, STATE_ESTABLISHED, now);
}

/* Bytes, and packets above them, in one argument. */
#define PLAIN_VOLUME(pkt) ((pkt).bytes | (__u64)(pkt).segments << 32)

/* What a segment says about its direction where plain stores do not do: its packets
 * come by several CPUs, or out of order. */
__noinline int plain_update_rare(struct flow *flow, __u32 d, __u64 numbers,
				 __u64 answer, __u64 volume)
{
	struct packet pkt = {
		.seq = numbers,
		.end = numbers >> 32,
		.ack = answer,
		.window = answer >> 32,
		.tcp_flags = TCP_ACK,
		.bytes = volume,
		.segments = volume >> 32,
	};
	struct flow_dir *dir;
	bool shared;

	if (!flow)
		return 0;
	dir = &flow->dir[d & 1];
	if (pkt.seq != dir->end)
		tcp_disorder(flow, d, numbers);
	shared = traffic_is_shared(flow_traffic(flow, d));
	tcp_update(dir, &pkt, shared);
	flow_count(flow_traffic(flow, d), &pkt, shared);
	return 0;
}

/* Counts a packet without numbers whose direction may be shared. */
__noinline int plain_count_rare(struct flow *flow, __u32 d, __u64 volume)
{
	struct packet pkt = {
		.bytes = volume,
		.segments = volume >> 32,
	};
	struct flow_traffic *traffic;

	if (!flow)
		return 0;
	traffic = flow_traffic(flow, d);
	flow_count(traffic, &pkt, traffic_is_shared(traffic));
	return 0;
}

/* What the window is checked by. pkt must not have its address given away: then
 * the compiler keeps it in registers. */
static __always_inline void plain_segment(struct packet *pkt,
					  const struct plain *plain)
{
	__u32 word = bpf_ntohl(frame_word(plain->l4 + TCP_WORD));

	pkt->seq = bpf_ntohl(frame_word(plain->l4 + 4));
	pkt->ack = bpf_ntohl(frame_word(plain->l4 + 8));
	pkt->end = pkt->seq + plain->l4_length - TCP_HEADER_LENGTH(word);
	pkt->window = word;
	/* What other flags there are matters to nobody. */
	pkt->tcp_flags = TCP_ACK;
}

/* What a packet counts for: one of segmentation offload is many, each with headers of
 * its own. */
static __always_inline void plain_measure(struct packet *pkt, void *ctx,
					  enum hook hook,
					  const struct plain *plain,
					  __u32 proto)
{
	struct __sk_buff *skb = ctx;
	struct xdp_md *xdp = ctx;
	__u32 headers;

	pkt->segments = 1;
	if (hook == HOOK_XDP) {
		pkt->bytes = CTX_DATA_END(xdp) - CTX_DATA(xdp);
		/* Now and not later: half a pointer cannot be kept on the
		 * stack. */
		asm volatile("" : "+r"(pkt->bytes));
		return;
	}
	pkt->bytes = skb->len;
	if (skb->gso_segs < 2 || !skb->gso_size)
		return;
	headers = plain->l4_offset;
	headers += proto == IPPROTO_TCP ?
			   TCP_HEADER_LENGTH(bpf_ntohl(
				   frame_word(plain->l4 + TCP_WORD))) :
			   sizeof(struct udphdr);
	pkt->segments = skb->gso_segs;
	pkt->bytes += (pkt->segments - 1) * headers;
}

/* flow_has_key(), without the words that are zero in each IPv4 key. */
static __always_inline bool plain_has_key(const struct flow *flow,
					  const union plain_key *key)
{
	const __u64 *own = (const __u64 *)&flow->key, *words = key->words;

	if ((own[1] ^ words[1]) | (own[3] ^ words[3]) | (own[4] ^ words[4]) |
	    (own[5] ^ words[5]))
		return false;
	return key->key.family == 4 ||
	       !((own[0] ^ words[0]) | (own[2] ^ words[2]));
}

/* flow_living(), for a flow that is where nearly all are: where the first slot of the
 * tag in the first bucket says. */
static __always_inline struct flow *plain_find(__u64 hash,
					       const union plain_key *key,
					       __u64 *control)
{
	const struct bucket *bucket = bucket_at(first_bucket(hash));
	__u32 tag = hash_tag(hash);
	__u64 slot;
	struct flow *flow;
	int i;

	if (!bucket)
		return NULL;
#pragma unroll
	for (i = 0; i < BUCKET_SLOTS; i++) {
		slot = READ_ONCE(bucket->slots[i]);
		if ((__u32)slot == tag)
			break;
	}
	if (i == BUCKET_SLOTS)
		return flow_living(&key->key, control);
	flow = flow_at(slot >> 32);
	if (!flow)
		return NULL;
	*control = READ_ONCE(flow->control);
	if (!plain_has_key(flow, key))
		return flow_living(&key->key, control);
	return flow;
}

/* Numbers that a partner told are checked by nobody (inherit.h). */
#define PLAIN_SEEN (FLOW_SEEN | FLOW_SEEN << 1)

/* What must be as in an established flow with nothing in the offing. The slow path
 * takes FLOW_ENDED_OUTSIDE and FLOW_INHERITED back, and captures. */
#define PLAIN_CONTROL                                                          \
	(CONTROL_STATE | FLOW_INHERITED | FLOW_CAPTURED |                      \
	 FLOW_SYN_ACK_PENDING | FLOW_SYN_ACK_PENDING << 1 | PLAIN_SEEN |       \
	 FLOW_ENDED_OUTSIDE | FLOW_ENDED_OUTSIDE << 1)

/* Brings the direction of a segment inside the window up to date. */
static __always_inline bool plain_tcp_track(struct flow *flow, __u32 d,
					    struct packet *pkt, __u64 now,
					    __u32 cpu)
{
	const __u64 apart = sizeof(struct flow_dir);
	__u64 step = masked(d, 1) * apart;
	void *own_base = (void *)flow + step;
	void *other_base = (void *)flow + (step ^ apart);
	void *traffic_base = own_base + step;
	struct flow_traffic *traffic;
	struct flow_dir *dir, *other;

	_Static_assert(TRAFFIC_APART == 2 * sizeof(struct flow_dir),
		       "two steps lead to the traffic of the reply");
	/* Else the compiler works them out again for every field. What is added below
	 * becomes part of each field's offset. */
	asm volatile("" : "+r"(own_base), "+r"(other_base), "+r"(traffic_base));
	dir = own_base + offsetof(struct flow, dir);
	other = other_base + offsetof(struct flow, dir);
	traffic = traffic_base + offsetof(struct flow, origin);
	/* Within a tick nothing expires that was just heard. */
	if (traffic->last_seen_ticks != now && plain_expired(flow, now))
		return false;
	/* Not whether the other direction has packets: that is in a line which its
	 * packets write. Without any the slow path finds the segment inside. */
	if (window_check(dir, other, pkt, pkt->seq) != WINDOW_INSIDE)
		return false;
	traffic->last_seen_ticks = now;
	if (traffic->cpu == cpu && pkt->seq == dir->end) {
		tcp_update(dir, pkt, false);
		flow_count(traffic, pkt, false);
	} else {
		plain_update_rare(flow, d, pkt->seq | (__u64)pkt->end << 32,
				  pkt->ack | (__u64)pkt->window << 32,
				  PLAIN_VOLUME(*pkt));
	}
	return true;
}

/* Brings the direction of a packet without numbers up to date. */
static __always_inline bool plain_udp_track(struct flow *flow, __u32 d,
					    struct packet *pkt, __u64 now,
					    __u32 cpu)
{
	struct flow_traffic *traffic = flow_traffic(flow, masked(d, 1));

	asm volatile("" : "+r"(traffic));
	if (traffic->last_seen_ticks != now) {
		if (plain_expired(flow, now))
			return false;
		traffic->last_seen_ticks = now;
	}
	if (traffic->cpu == cpu)
		flow_count(traffic, pkt, false);
	else
		plain_count_rare(flow, d, PLAIN_VOLUME(*pkt));
	return true;
}

/* Tracks a plain packet of an established flow; a segment has to lie inside the
 * window. One look-up, no lock, no event, no store but to the line of the
 * direction's traffic, and where it moves a number; atomic ones only where its packets
 * come by several CPUs. Reports whether it was such a packet. If not, nothing has
 * changed, and the slow path decides. If seen is not NULL, it gets what the packet
 * counts for. */
static __always_inline bool plain_track(void *ctx, enum hook hook,
					const struct plain *plain,
					const union plain_key *key,
					struct volume *seen)
{
	struct packet pkt = {};
	struct cpu_stats *stats;
	struct flow *flow;
	__u64 control, now;
	__u32 d, cpu;

	flow = plain_find(plain->hash, key, &control);
	if (!flow)
		return false;
	/* Calls first: they cost what is kept in registers. */
	now = clock_ticks();
	cpu = bpf_get_smp_processor_id() + 1;
	/* With a SYN+ACK that waits, an ACK may begin the flow again. */
	if ((control & PLAIN_CONTROL) != (STATE_ESTABLISHED | PLAIN_SEEN))
		return false;
	d = !!(control & FLOW_REVERSED) ^ plain->reversed;
	if (key->key.proto == IPPROTO_TCP) {
		plain_segment(&pkt, plain);
		plain_measure(&pkt, ctx, hook, plain, IPPROTO_TCP);
		if (!plain_tcp_track(flow, d, &pkt, now, cpu))
			return false;
	} else {
		plain_measure(&pkt, ctx, hook, plain, IPPROTO_UDP);
		if (!plain_udp_track(flow, d, &pkt, now, cpu))
			return false;
	}
	if (seen) {
		seen->packets = pkt.segments;
		seen->bytes = pkt.bytes;
	}
	stats = stats_get();
	if (stats) {
		stats->bytes += pkt.bytes;
		stats->verdict[VERDICT_ESTABLISHED] += pkt.segments;
	}
	return true;
}
