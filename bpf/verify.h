/* SPDX-License-Identifier: GPL-2.0 */
/* Counts packets with a wrong checksum (option --checksums).
 *
 * verify_checksums is a load-time constant. If it is false, the verifier
 * removes all of this. If it is true, no packet takes the fast path, and every
 * byte is read. The result does not affect the verdict.
 *
 * TCP, UDP, ICMP and ICMPv6 are verified, except fragments and packets with a
 * routing header. A checksum that the sender left to hardware is recognised by
 * its value, as in checksum.h, and not counted. Nor is a segmentation-offload
 * packet, whose segments get their checksums later. */
#pragma once

#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "checksum.h"
#include "config.h"
#include "icmp.h"
#include "packet.h"
#include "stats.h"
#include "walk.h"

/* Returns the offset of the checksum, or zero if it is not verified. */
static __always_inline __u32 verify_offset(const struct packet *pkt)
{
	__u8 icmp = pkt->key.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (pkt->key.proto == icmp)
		return pkt->l4_offset + offsetof(struct icmp_header, checksum);
	return checksum_offset(pkt);
}

/* Returns the sum over the pseudo header. ICMP has none. */
static __always_inline __u16 verify_pseudo(const struct packet *pkt)
{
	return pkt->key.proto == IPPROTO_ICMP ? 0 : checksum_pseudo(pkt);
}

/* Reports whether a checksum is exempt: UDP may have none, and the sum over the
 * pseudo header is for hardware to complete. */
static __always_inline bool verify_is_exempt(const struct packet *pkt,
					     __u16 field)
{
	if (pkt->key.proto == IPPROTO_UDP && !field)
		return true;
	return pkt->key.proto != IPPROTO_ICMP && field == checksum_pseudo(pkt);
}

static __always_inline void verify_count(const struct packet *pkt,
					 struct cpu_stats *stats, __u32 sum)
{
	if (checksum_fold((__u64)sum + verify_pseudo(pkt)) != 0xffff)
		stats->bad_checksums++;
}

__noinline int xdp_verify(struct xdp_md *ctx, struct packet *pkt)
{
	struct cpu_stats *stats = stats_get();
	__u16 *field;
	__u32 offset;

	if (!pkt || !stats)
		return 0;
	offset = verify_offset(pkt);
	field = CTX_DATA(ctx) + (offset & MAX_OFFSET);
	if (!offset || (void *)(field + 1) > CTX_DATA_END(ctx) ||
	    verify_is_exempt(pkt, *field) ||
	    !checksum_is_possible(ctx, pkt->l4_offset, pkt->l4_length))
		return 0;
	verify_count(pkt, stats,
		     checksum_sum(ctx, pkt->l4_offset, pkt->l4_length));
	return 0;
}

/* Adds size bytes of a packet to a sum, like checksum_piece(). */
__noinline __u32 tc_verify_piece(struct __sk_buff *skb, __u32 offset, __u32 size,
				 __u32 sum)
{
	__u32 zero = 0;
	struct chunk *chunk = bpf_map_lookup_elem(&chunks, &zero);

	if (!chunk)
		return sum;
	if (size < CHECKSUM_CHUNK)
		__builtin_memset(chunk, 0, sizeof(*chunk));
	asm volatile("" : "+r"(size));
	size = ((size - 1) & (CHECKSUM_CHUNK - 1)) + 1;
	if (bpf_skb_load_bytes(skb, offset, chunk, size))
		return sum;
	return bpf_csum_diff(NULL, 0, chunk->words, sizeof(*chunk), sum);
}

__noinline __u32 tc_verify_sum(struct __sk_buff *skb, __u32 offset, __u32 length)
{
	__u32 sum = 0, i;

	for (i = 0; i < MAX_CHECKSUM_CHUNKS && length > CHECKSUM_CHUNK; i++) {
		sum = tc_verify_piece(skb, offset, CHECKSUM_CHUNK, sum);
		offset += CHECKSUM_CHUNK;
		length -= CHECKSUM_CHUNK;
	}
	return length ? tc_verify_piece(skb, offset, length, sum) : sum;
}

__noinline int tc_verify(struct __sk_buff *skb, struct packet *pkt)
{
	struct cpu_stats *stats = stats_get();
	__u16 field = 0;
	__u32 offset;

	if (!pkt || !stats || skb->gso_size)
		return 0;
	offset = verify_offset(pkt);
	if (!offset || bpf_skb_load_bytes(skb, offset, &field, sizeof(field)) ||
	    verify_is_exempt(pkt, field))
		return 0;
	verify_count(pkt, stats,
		     tc_verify_sum(skb, pkt->l4_offset, pkt->l4_length));
	return 0;
}
