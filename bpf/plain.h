/* SPDX-License-Identifier: GPL-2.0 */
/* The plain segment: TCP with ACK and neither SYN, FIN nor RST, over Ethernet
 * without a tag, IPv4 without options or IPv6 without extensions, unfragmented.
 * Nearly all of the traffic that matters looks like this, so it has a way of its
 * own: one check of the frame's length, fields compared several at a time, the
 * key written in whole words, and nothing kept over the look-up that can be read
 * from the frame again. What that is worth is told in docs/performance.md.
 *
 * Whatever else a packet is, parse_packet() looks at it from the start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "packet.h"
#include "reorder.h"
#include "stats.h"
#include "table.h"
#include "tcp_window.h"
#include "timeout.h"
#include "tuple.h"

#define PLAIN_IPV4_TCP (sizeof(struct ethhdr) + sizeof(struct iphdr))
#define PLAIN_IPV6_TCP (sizeof(struct ethhdr) + sizeof(struct ipv6hdr))

/* What is kept of a plain segment while its flow is looked up. */
struct plain {
	const void *tcp;
	__u32 l4_length;
	/* Goes from the key's end 1 to its end 0. */
	__u32 reversed;
};

/* The key in whole words. Hash and comparison read words, and would wait for
 * pieces to reach the cache. */
union plain_key {
	struct flow_key key;
	__u64 words[6];
};

_Static_assert(sizeof(union plain_key) == sizeof(struct flow_key),
	       "the words are the whole key");

/* Four bytes of the frame as they lie there: IP headers are aligned to two. */
static __always_inline __be32 frame_word(const void *at)
{
	return *(const __be32 *)at;
}

/* Whether the first bytes of a word are these. */
#define WORD_IS(word, mask, value) \
	(((word) & bpf_htonl(mask)) == bpf_htonl(value))

/* Header length, flags and window are one word. */
#define TCP_WORD 12
#define TCP_HEADER_LENGTH(word) ((word) >> 28 << 2)
#define PLAIN_FLAGS ((TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK) << 16)

/* Whether the segment is one that has nothing to say but numbers. */
static __always_inline bool plain_tcp(const struct plain *plain)
{
	__u32 word = bpf_ntohl(frame_word(plain->tcp + TCP_WORD));
	__u32 header = TCP_HEADER_LENGTH(word);

	return (word & PLAIN_FLAGS) == TCP_ACK << 16 &&
	       header >= sizeof(struct tcphdr) && header <= plain->l4_length;
}

/* The order of the ports as they lie in memory, for ends of one address. */
static __always_inline bool ports_are_swapped(__u32 ports)
{
	return (ports & 0xffff) > ports >> 16;
}

static __always_inline __u32 swap_ports(__u32 ports)
{
	return ports >> 16 | ports << 16;
}

static __always_inline void plain_key_ipv4(union plain_key *key, __be32 low,
					   __be32 high, __u32 ports)
{
	key->words[0] = 0;
	key->words[1] = mapped_ipv4(low);
	key->words[2] = 0;
	key->words[3] = mapped_ipv4(high);
	key->words[4] = ports;
	key->words[5] = IPPROTO_TCP | 4 << 8;
}

static __always_inline void plain_key_ipv6(union plain_key *key,
					   const struct in6_addr *low,
					   const struct in6_addr *high,
					   __u32 ports)
{
	key->words[0] = ((const __be64 *)low)[0];
	key->words[1] = ((const __be64 *)low)[1];
	key->words[2] = ((const __be64 *)high)[0];
	key->words[3] = ((const __be64 *)high)[1];
	key->words[4] = ports;
	key->words[5] = IPPROTO_TCP | 6 << 8;
}

/* Keeps two branches apart that the compiler would merge into one, with a choice
 * for every word. */
#define KEEP_APART(name) asm volatile("# " name :::)

/* The frame from its ethertype on: version 4, five words of header; not a
 * fragment; TCP. */
static __always_inline bool plain_ipv4(struct plain *plain,
				       union plain_key *key, const void *data,
				       const void *data_end)
{
	const struct iphdr *ip = data + sizeof(struct ethhdr);
	__be32 source, destination;
	__u32 ports;

	plain->tcp = data + PLAIN_IPV4_TCP;
	if (plain->tcp + sizeof(struct tcphdr) > data_end ||
	    !WORD_IS(frame_word(&ip->frag_off), 0x3fff00ff, IPPROTO_TCP))
		return false;
	/* A total that is too small becomes a very large number. */
	plain->l4_length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	if (plain->l4_length > (__u32)(data_end - data) - PLAIN_IPV4_TCP ||
	    !plain_tcp(plain))
		return false;
	source = ip->saddr;
	destination = ip->daddr;
	ports = frame_word(plain->tcp);
	if (source > destination ||
	    (source == destination && ports_are_swapped(ports))) {
		plain->reversed = 1;
		plain_key_ipv4(key, destination, source, swap_ports(ports));
		KEEP_APART("swapped");
	} else {
		plain->reversed = 0;
		plain_key_ipv4(key, source, destination, ports);
		KEEP_APART("in order");
	}
	return true;
}

static __always_inline bool plain_is_swapped(const struct ipv6hdr *ip,
					     __u32 ports)
{
	const __be64 *source = (const void *)&ip->saddr;
	const __be64 *destination = (const void *)&ip->daddr;

	if (source[0] != destination[0])
		return source[0] > destination[0];
	if (source[1] != destination[1])
		return source[1] > destination[1];
	return ports_are_swapped(ports);
}

/* The frame from its ethertype on: version 6; TCP. */
static __always_inline bool plain_ipv6(struct plain *plain,
				       union plain_key *key, const void *data,
				       const void *data_end)
{
	const struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	__u32 ports;

	plain->tcp = data + PLAIN_IPV6_TCP;
	if (plain->tcp + sizeof(struct tcphdr) > data_end ||
	    ip->nexthdr != IPPROTO_TCP)
		return false;
	plain->l4_length = bpf_ntohs(ip->payload_len);
	if (plain->l4_length > (__u32)(data_end - data) - PLAIN_IPV6_TCP ||
	    !plain_tcp(plain))
		return false;
	ports = frame_word(plain->tcp);
	if (plain_is_swapped(ip, ports)) {
		plain->reversed = 1;
		plain_key_ipv6(key, &ip->daddr, &ip->saddr, swap_ports(ports));
		KEEP_APART("swapped");
	} else {
		plain->reversed = 0;
		plain_key_ipv6(key, &ip->saddr, &ip->daddr, ports);
		KEEP_APART("in order");
	}
	return true;
}

/* Tells whether the packet is a plain segment, and its key. */
static __always_inline bool plain_parse(struct plain *plain,
					union plain_key *key, const void *data,
					const void *data_end)
{
	const void *type = data + offsetof(struct ethhdr, h_proto);

	if (data + sizeof(struct ethhdr) + 2 > data_end)
		return false;
	if (WORD_IS(frame_word(type), 0xffffff00, ETH_P_IP << 16 | 0x4500))
		return plain_ipv4(plain, key, data, data_end);
	if (WORD_IS(frame_word(type), 0xfffff000,
		    (__u32)ETH_P_IPV6 << 16 | 0x6000))
		return plain_ipv6(plain, key, data, data_end);
	return false;
}

/* Whether an established flow that was not heard within this tick has expired.
 * Called rarely, so it is kept out of the way. */
__noinline int plain_expired(struct flow *flow, __u64 now)
{
	return !flow || flow_expired(flow, IPPROTO_TCP, STATE_ESTABLISHED, now);
}

/* What a segment says about its direction where the short way's plain stores do
 * not do: its packets come by several CPUs, or out of order. */
__noinline int plain_update_rare(struct flow *flow, __u32 d, __u64 numbers,
				 __u64 answer, __u32 bytes)
{
	struct packet pkt = {
		.seq = numbers,
		.end = numbers >> 32,
		.ack = answer,
		.window = answer >> 32,
		.tcp_flags = TCP_ACK,
		.bytes = bytes,
		.segments = 1,
	};
	struct flow_dir *dir;
	bool shared;

	if (!flow)
		return 0;
	dir = &flow->dir[d & 1];
	if (pkt.seq != dir->end)
		tcp_disorder(flow, d, numbers);
	shared = dir_is_shared(dir);
	tcp_update(dir, &pkt, shared);
	flow_count(dir, &pkt, shared);
	return 0;
}

/* What the window is checked by. pkt must not have its address given away: then
 * the compiler keeps it in registers. */
static __always_inline void plain_segment(struct packet *pkt,
					  const struct plain *plain)
{
	__u32 word = bpf_ntohl(frame_word(plain->tcp + TCP_WORD));

	pkt->seq = bpf_ntohl(frame_word(plain->tcp + 4));
	pkt->ack = bpf_ntohl(frame_word(plain->tcp + 8));
	pkt->end = pkt->seq + plain->l4_length - TCP_HEADER_LENGTH(word);
	pkt->window = word;
	/* What other flags there are matters to nobody. */
	pkt->tcp_flags = TCP_ACK;
}

/* flow_living(), for a flow that is where nearly all are: where the first slot of the
 * tag in the first bucket says. */
static __always_inline struct flow *plain_find(const __u64 *words, __u64 *control)
{
	__u64 hash = key_hash(words), slot;
	__u32 tag = hash_tag(hash);
	const struct bucket *bucket = bucket_at(first_bucket(hash));
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
		return flow_living((const struct flow_key *)words, control);
	flow = flow_at(slot >> 32);
	if (!flow)
		return NULL;
	*control = READ_ONCE(flow->control);
	if (!flow_has_key(flow, words))
		return flow_living((const struct flow_key *)words, control);
	return flow;
}

/* What must be as in an established flow with nothing in the offing. The long way
 * takes FLOW_ENDED_OUTSIDE back. */
#define PLAIN_CONTROL \
	(CONTROL_STATE | FLOW_SYN_ACK_PENDING | FLOW_SYN_ACK_PENDING << 1 | \
	 FLOW_ENDED_OUTSIDE)

/* The short way, for a plain segment of an established flow that lies inside the
 * window. One look-up, no lock, no event, no store but to the direction's own
 * cache line; atomic ones only where its packets come by several CPUs. Tells
 * whether it was such a segment; if not, nothing has changed, and the long way
 * decides. */
static __always_inline bool plain_track(struct xdp_md *ctx,
					const struct plain *plain,
					const union plain_key *key)
{
	struct flow *flow;
	struct packet pkt = { .segments = 1 };
	struct flow_dir *dir, *other;
	struct cpu_stats *stats;
	__u64 control, now;
	__u32 d, cpu;

	flow = plain_find(key->words, &control);
	if (!flow)
		return false;
	/* Calls first: they cost what is kept in registers. */
	now = clock_ticks();
	cpu = bpf_get_smp_processor_id() + 1;
	/* With a SYN+ACK that waits, an ACK may begin the flow anew. */
	if ((control & PLAIN_CONTROL) != STATE_ESTABLISHED)
		return false;
	d = !!(control & FLOW_REVERSED) ^ plain->reversed;
	dir = &flow->dir[d & 1];
	other = &flow->dir[(d & 1) ^ 1];
	/* Else the compiler works them out again for every field. */
	asm volatile("" : "+r"(dir), "+r"(other));
	/* Within a tick nothing expires that was just heard. */
	if (dir->last_seen_ticks != now && plain_expired(flow, now))
		return false;
	plain_segment(&pkt, plain);
	if (tcp_window(dir, other, &pkt, pkt.seq) != WINDOW_INSIDE)
		return false;
	dir->last_seen_ticks = now;
	pkt.bytes = CTX_DATA_END(ctx) - CTX_DATA(ctx);
	if (dir->cpu == cpu && pkt.seq == dir->end) {
		tcp_update(dir, &pkt, false);
		flow_count(dir, &pkt, false);
	} else {
		plain_update_rare(flow, d, pkt.seq | (__u64)pkt.end << 32,
				  pkt.ack | (__u64)pkt.window << 32, pkt.bytes);
	}
	stats = stats_get();
	if (stats) {
		stats->bytes += CTX_DATA_END(ctx) - CTX_DATA(ctx);
		stats->verdict[VERDICT_ESTABLISHED]++;
	}
	return true;
}
