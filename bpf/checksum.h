/* SPDX-License-Identifier: GPL-2.0 */
/* Completes TCP and UDP checksums that the sender left to hardware.
 *
 * By default, a virtual interface offloads transmit checksums: it stores only
 * the sum over the pseudo header, and marks the packet in metadata that XDP
 * does not keep. Such a checksum is recognised by its value. A complete
 * checksum that happens to have this value stays as it is: the sum below leads
 * to the same one. */
#pragma once

#include <stddef.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "packet.h"
#include "stats.h"
#include "walk.h"

/* Packets with several buffers are read in chunks of this size. */
#define CHECKSUM_CHUNK 512
#define MAX_CHECKSUM_CHUNKS 160
/* The longest packet that is summed without a copy. */
#define MAX_LINEAR 4096

struct chunk {
	__be32 words[CHECKSUM_CHUNK / 4];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chunk);
} chunks SEC(".maps");

static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Returns the sum over the pseudo header, as the sender stores it. The prefix
 * of mapped IPv4 addresses is left out. */
static __always_inline __u16 checksum_pseudo(const struct packet *pkt)
{
	const struct flow_key *key = &pkt->key;
	__u64 sum = (__u64)bpf_htonl(pkt->l4_length) +
		    bpf_htonl((__u32)key->proto);
	int i;

	for (i = 0; i < 2; i++) {
		__u64 low = key->addr[i][1];

		sum += low >> 32;
		if (key->family == 6) {
			sum += key->addr[i][0] >> 32;
			sum += key->addr[i][0] & 0xffffffff;
			sum += low & 0xffffffff;
		}
	}
	return checksum_fold(sum);
}

/* Returns the offset of the checksum, or zero if it is never left to
 * hardware. */
static __always_inline __u32 checksum_offset(const struct packet *pkt)
{
	if (pkt->key.proto == IPPROTO_TCP)
		return pkt->l4_offset + offsetof(struct tcphdr, check);
	if (pkt->key.proto == IPPROTO_UDP)
		return pkt->l4_offset + offsetof(struct udphdr, check);
	return 0;
}

/* Adds size bytes of a packet, at most CHECKSUM_CHUNK, to a sum, by way of a
 * copy. It is a global function, so the verifier checks it once and not per
 * chunk. Kernels without the helper stop at multi_buffer. */
__noinline __u32 checksum_piece(struct xdp_md *ctx, __u32 offset, __u32 size,
				__u32 sum)
{
	__u32 zero = 0;
	struct chunk *chunk = bpf_map_lookup_elem(&chunks, &zero);

	if (!multi_buffer || !chunk)
		return sum;
	if (size < CHECKSUM_CHUNK)
		__builtin_memset(chunk, 0, sizeof(*chunk));
	/* The size is in that range already, but the verifier of Linux 6.1 does
	 * not learn this from a comparison. */
	asm volatile("" : "+r"(size));
	size = ((size - 1) & (CHECKSUM_CHUNK - 1)) + 1;
	if (bpf_xdp_load_bytes(ctx, offset, chunk, size))
		return sum;
	return bpf_csum_diff(NULL, 0, chunk->words, sizeof(*chunk), sum);
}

/* Sums a packet with several buffers. */
__noinline __u32 checksum_copy(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	__u32 sum = 0, i;

	for (i = 0; i < MAX_CHECKSUM_CHUNKS && length > CHECKSUM_CHUNK; i++) {
		sum = checksum_piece(ctx, offset, CHECKSUM_CHUNK, sum);
		offset += CHECKSUM_CHUNK;
		length -= CHECKSUM_CHUNK;
	}
	return length ? checksum_piece(ctx, offset, length, sum) : sum;
}

/* Sums a packet with one buffer, in pieces of constant sizes. The loops may end
 * early, so that the verifier does not track each length apart. */
static __always_inline __u32 checksum_linear(void *data, void *data_end,
					     __u32 at, __u32 length)
{
	__u32 sum = 0, tail = 0;
	int i;

	for (i = 0; i < MAX_LINEAR / 256 && length >= 256; i++) {
		if (data + at + 256 > data_end)
			return sum;
		sum = bpf_csum_diff(NULL, 0, data + at, 256, sum);
		at = (at + 256) & MAX_OFFSET;
		length -= 256;
	}
	for (i = 0; i < 8 && length >= 32; i++) {
		if (data + at + 32 > data_end)
			return sum;
		sum = bpf_csum_diff(NULL, 0, data + at, 32, sum);
		at = (at + 32) & MAX_OFFSET;
		length -= 32;
	}
	for (i = 0; i < 8 && length >= 4; i++) {
		if (data + at + 4 > data_end)
			return sum;
		sum = bpf_csum_diff(NULL, 0, data + at, 4, sum);
		at = (at + 4) & MAX_OFFSET;
		length -= 4;
	}
	for (i = 0; i < 3 && length; i++) {
		if (data + at + 1 > data_end)
			return sum;
		tail |= (__u32)*(__u8 *)(data + at) << (8 * i);
		at = (at + 1) & MAX_OFFSET;
		length--;
	}
	if (i)
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&tail, sizeof(tail), sum);
	return sum;
}

/* Reports whether a packet's checksum is the sum over its pseudo header. */
static __always_inline bool checksum_is_pending(struct xdp_md *ctx,
						const struct packet *pkt)
{
	__u32 offset = checksum_offset(pkt);
	__u16 *field = CTX_DATA(ctx) + masked(offset, MAX_OFFSET);

	return offset && (void *)(field + 1) <= CTX_DATA_END(ctx) &&
	       *field == checksum_pseudo(pkt);
}

/* Reports whether length bytes from l4 on can be summed. */
static __always_inline bool checksum_is_possible(struct xdp_md *ctx, __u32 l4,
						 __u32 length)
{
	return l4 <= MAX_OFFSET &&
	       (multi_buffer || (length <= MAX_LINEAR &&
				 CTX_DATA(ctx) + l4 + length <=
					 CTX_DATA_END(ctx)));
}

/* Sums length bytes from l4 on, if checksum_is_possible(). */
__noinline __u32 checksum_sum(struct xdp_md *ctx, __u32 l4, __u32 length)
{
	void *data = CTX_DATA(ctx), *data_end = CTX_DATA_END(ctx);

	if (l4 > MAX_OFFSET)
		return 0;
	if (length <= MAX_LINEAR && data + l4 + length <= data_end)
		return checksum_linear(data, data_end, l4, length);
	return multi_buffer ? checksum_copy(ctx, l4, length) : 0;
}

/* Completes the checksum at offset over length bytes from l4 on. */
__noinline int checksum_complete(struct xdp_md *ctx, __u32 l4, __u32 length,
				 __u32 offset, __u32 proto)
{
	struct cpu_stats *stats = stats_get();
	__u32 sum = checksum_sum(ctx, l4, length);
	__u16 *field = CTX_DATA(ctx) + (offset & MAX_OFFSET);

	if (!stats || (void *)(field + 1) > CTX_DATA_END(ctx) ||
	    !checksum_is_possible(ctx, l4, length))
		return 0;
	*field = ~checksum_fold(sum);
	if (!*field && proto == IPPROTO_UDP)
		*field = 0xffff;
	stats->checksums++;
	return 0;
}

static __always_inline void checksum_finish(struct xdp_md *ctx,
					    const struct packet *pkt)
{
	if (checksum_is_pending(ctx, pkt))
		checksum_complete(ctx, pkt->l4_offset, pkt->l4_length,
				  checksum_offset(pkt), pkt->key.proto);
}
