/* SPDX-License-Identifier: GPL-2.0 */
/* Which packets have the first bytes of flows, from which user space reads names
 * (--names=traffic). A capture may ask for these alone: what a client sends first in TLS
 * and QUIC, and DNS. Once a flow has no more of them its mark goes, and its packets take
 * the fast path as others do. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "packet.h"
#include "walk.h"

/* The captures that want first bytes are in capturing, so many bits above those that
 * run. */
#define HELLO_SHIFT 8

/* How much of a TCP stream is looked at, and how many datagrams of a client to port 443.
 * So many answers without them, and the port is of something else. */
#define HELLO_BYTES 4096
#define HELLO_DATAGRAMS 3
#define HELLO_ANSWERS 16

#define PORT_DNS 53

/* The first byte of a TLS stream: a record of the handshake. */
#define TLS_HANDSHAKE 22

enum hello {
	/* Not this packet, but perhaps a later one. */
	HELLO_LATER,
	HELLO_IS,
	HELLO_OVER,
};

/* Whether the first packet of a flow may be one of those that have first bytes. A TCP
 * flow that was there before has none. */
static __always_inline bool hello_may_follow(const struct packet *pkt)
{
	return pkt->key.proto != IPPROTO_TCP ||
	       (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Where the payload of a packet begins, zero if it has none. */
static __always_inline __u32 hello_payload(const struct packet *pkt)
{
	__u32 length;

	if (pkt->key.proto != IPPROTO_TCP)
		return pkt->l4_length > sizeof(struct udphdr) ?
			       pkt->l4_offset + sizeof(struct udphdr) :
			       0;
	length = tcp_payload(pkt);
	return length ? pkt->l4_offset + pkt->l4_length - length : 0;
}

/* Where the payload of a client's segment lies in its stream. */
static __always_inline __u32 hello_offset(const struct packet *pkt,
					  const struct flow *flow)
{
	return pkt->seq + !!(pkt->tcp_flags & TCP_SYN) -
	       flow->dir[ORIGIN].syn_seq - 1;
}

static __always_inline bool hello_has_dns(const struct flow_key *key)
{
	return key->port[0] == bpf_htons(PORT_DNS) ||
	       key->port[1] == bpf_htons(PORT_DNS);
}

/* Whether a packet with payload has first bytes of its flow. Names are the client's to
 * send: before them nothing comes from the server. */
static __always_inline enum hello hello_of(const struct packet *pkt,
					   const struct flow *flow, __u32 d)
{
	if (pkt->key.proto == IPPROTO_TCP) {
		if (d == REPLY || hello_offset(pkt, flow) >= HELLO_BYTES)
			return HELLO_OVER;
		return HELLO_IS;
	}
	if (hello_has_dns(&pkt->key))
		return HELLO_IS;
	if (flow->origin.packets > HELLO_DATAGRAMS ||
	    flow->reply.packets > HELLO_ANSWERS)
		return HELLO_OVER;
	return d == REPLY ? HELLO_LATER : HELLO_IS;
}

/* The most bytes before the payload. */
#define HELLO_HEADERS 1023

/* Returns a byte of a packet, or a negative number if it cannot be read. */
__noinline int xdp_byte(struct xdp_md *ctx, __u32 at)
{
	__u8 *byte = CTX_DATA(ctx) + (at & HELLO_HEADERS);

	if (at > HELLO_HEADERS || (void *)(byte + 1) > CTX_DATA_END(ctx))
		return -1;
	return *byte;
}

__noinline int tc_byte(struct __sk_buff *ctx, __u32 at)
{
	__u8 byte = 0;

	if (bpf_skb_load_bytes(ctx, at, &byte, sizeof(byte)))
		return -1;
	return byte;
}
