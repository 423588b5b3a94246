/* SPDX-License-Identifier: GPL-2.0 */
/* The plain packet: UDP, or TCP with ACK and neither SYN, FIN nor RST, over Ethernet
 * without a tag, IPv4 without options or IPv6 without extensions, unfragmented.
 * Nearly all of the traffic that matters looks like this, so both hooks have a fast
 * path for it: one check of the frame's length, fields compared several at a time, the
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
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bucket.h"
#include "octets.h"
#include "packet.h"
#include "tuple.h"

#define PLAIN_IPV4_L4 (sizeof(struct ethhdr) + sizeof(struct iphdr))
#define PLAIN_IPV6_L4 (sizeof(struct ethhdr) + sizeof(struct ipv6hdr))

/* What is kept of a plain packet while its flow is looked up. */
struct plain {
	const void *l4;
	__u32 l4_offset;
	__u32 l4_length;
	/* Goes from the key's end 1 to its end 0. */
	__u32 reversed;
	/* Of the key. */
	__u64 hash;
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
	__u32 word = bpf_ntohl(frame_word(plain->l4 + TCP_WORD));
	__u32 header = TCP_HEADER_LENGTH(word);

	return (word & PLAIN_FLAGS) == TCP_ACK << 16 &&
	       header >= sizeof(struct tcphdr) && header <= plain->l4_length;
}

/* Whether a packet of that protocol, up to data_end, is a plain one. A shorter packet
 * of UDP than a header of TCP is none: the verifier does not follow which of them is
 * looked at later. */
static __always_inline bool plain_l4(const struct plain *plain, __u32 proto,
				     const void *data_end)
{
	const struct udphdr *udp = plain->l4;

	if (plain->l4 + sizeof(struct tcphdr) > data_end)
		return false;
	if (proto == IPPROTO_TCP)
		return plain_tcp(plain);
	return plain->l4_length >= sizeof(*udp) &&
	       bpf_ntohs(udp->len) == plain->l4_length;
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
					   __be32 high, __u32 ports,
					   __u32 proto)
{
	key->words[0] = 0;
	key->words[1] = mapped_ipv4(low);
	key->words[2] = 0;
	key->words[3] = mapped_ipv4(high);
	key->words[4] = ports;
	key->words[5] = proto | 4 << 8;
}

static __always_inline void plain_key_ipv6(union plain_key *key,
					   const struct in6_addr *low,
					   const struct in6_addr *high,
					   __u32 ports, __u32 proto)
{
	key->words[0] = ((const __be64 *)low)[0];
	key->words[1] = ((const __be64 *)low)[1];
	key->words[2] = ((const __be64 *)high)[0];
	key->words[3] = ((const __be64 *)high)[1];
	key->words[4] = ports;
	key->words[5] = proto | 6 << 8;
}

/* Adds what a zone (watch.h) has in the last two words of a key. */
static __always_inline void key_set_zone(union plain_key *key,
					 const __u64 *zone)
{
	key->words[4] |= zone[0];
	key->words[5] |= zone[1];
}

/* Completes a key that has no zone yet, NULL is none. This is done where the family is
 * known, as half of an IPv4 key is constant, and so are its terms of the hash. */
static __always_inline void plain_finish(struct plain *plain,
					 union plain_key *key,
					 const __u64 *zone)
{
	if (zone)
		key_set_zone(key, zone);
	plain->hash = key_hash(key->words);
}

/* Whether so much lies within what the frame has left. Padding is looked at elsewhere
 * where it counts (octets.h). */
static __always_inline bool plain_fits(__u32 length, __u32 left)
{
	return length == left || (length < left && !exact_octets);
}

/* Keeps two branches apart that the compiler would merge into one, with a choice
 * for every word. */
#define KEEP_APART(name) asm volatile("# " name :::)

/* The frame of that length from its ethertype on: version 4, five words of header; not
 * a fragment; of that protocol. */
static __always_inline bool plain_ipv4(struct plain *plain,
				       union plain_key *key, const void *data,
				       const void *data_end, __u32 length,
				       __u32 proto, const __u64 *zone)
{
	const struct iphdr *ip = data + sizeof(struct ethhdr);
	__be32 low, high;
	__u32 ports;

	plain->l4 = data + PLAIN_IPV4_L4;
	plain->l4_offset = PLAIN_IPV4_L4;
	/* A total that is too small becomes a very large number. */
	plain->l4_length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	if (!plain_fits(plain->l4_length, length - PLAIN_IPV4_L4) ||
	    !plain_l4(plain, proto, data_end))
		return false;
	low = ip->saddr;
	high = ip->daddr;
	ports = frame_word(plain->l4);
	if (low > high || (low == high && ports_are_swapped(ports))) {
		__be32 was = low;

		plain->reversed = 1;
		low = high;
		high = was;
		ports = swap_ports(ports);
		KEEP_APART("swapped");
	} else {
		plain->reversed = 0;
		KEEP_APART("in order");
	}
	plain_key_ipv4(key, low, high, ports, proto);
	plain_finish(plain, key, zone);
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

/* The frame of that length from its ethertype on: version 6; of that protocol. */
static __always_inline bool plain_ipv6(struct plain *plain,
				       union plain_key *key, const void *data,
				       const void *data_end, __u32 length,
				       __u32 proto, const __u64 *zone)
{
	const struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	__u32 ports;

	plain->l4 = data + PLAIN_IPV6_L4;
	plain->l4_offset = PLAIN_IPV6_L4;
	plain->l4_length = bpf_ntohs(ip->payload_len);
	if (!plain_fits(plain->l4_length, length - PLAIN_IPV6_L4) ||
	    !plain_l4(plain, proto, data_end))
		return false;
	ports = frame_word(plain->l4);
	if (plain_is_swapped(ip, ports)) {
		plain->reversed = 1;
		plain_key_ipv6(key, &ip->daddr, &ip->saddr, swap_ports(ports),
			       proto);
		KEEP_APART("swapped");
	} else {
		plain->reversed = 0;
		plain_key_ipv6(key, &ip->saddr, &ip->daddr, ports, proto);
		KEEP_APART("in order");
	}
	plain_finish(plain, key, zone);
	return true;
}

/* Reports whether the frame is a plain packet, and fills in its key. length is that of
 * the frame, of which all headers lie before data_end. zone is that of the key, NULL
 * for none. */
static __always_inline bool plain_parse(struct plain *plain,
					union plain_key *key, const void *data,
					const void *data_end, __u32 length,
					const __u64 *zone)
{
	const void *type = data + offsetof(struct ethhdr, h_proto);
	const struct ipv6hdr *six = data + sizeof(struct ethhdr);
	const struct iphdr *four = data + sizeof(struct ethhdr);
	__u32 word;

	if (data + PLAIN_IPV4_L4 > data_end)
		return false;
	if (WORD_IS(frame_word(type), 0xffffff00, ETH_P_IP << 16 | 0x4500)) {
		word = frame_word(&four->frag_off);
		if (WORD_IS(word, 0x3fff00ff, IPPROTO_TCP))
			return plain_ipv4(plain, key, data, data_end, length,
					  IPPROTO_TCP, zone);
		return WORD_IS(word, 0x3fff00ff, IPPROTO_UDP) &&
		       plain_ipv4(plain, key, data, data_end, length,
				  IPPROTO_UDP, zone);
	}
	if (!WORD_IS(frame_word(type), 0xfffff000,
		     (__u32)ETH_P_IPV6 << 16 | 0x6000) ||
	    data + PLAIN_IPV6_L4 > data_end)
		return false;
	if (six->nexthdr == IPPROTO_TCP)
		return plain_ipv6(plain, key, data, data_end, length,
				  IPPROTO_TCP, zone);
	return six->nexthdr == IPPROTO_UDP &&
	       plain_ipv6(plain, key, data, data_end, length, IPPROTO_UDP,
			  zone);
}

