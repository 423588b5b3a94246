/* SPDX-License-Identifier: GPL-2.0 */
/* The plain segment: TCP with ACK and neither SYN, FIN nor RST, over Ethernet
 * without a tag, IPv4 without options or IPv6 without extensions, unfragmented.
 * Nearly all of the traffic that matters looks like this, so it is parsed in
 * one go: one check of the length, and every offset a constant.
 *
 * Whatever else a packet is, parse_packet() looks at it from the start. The
 * struct packet filled here must not have its address given away: then the
 * compiler keeps it in registers. */
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

#include "packet.h"
#include "tuple.h"

struct plain_ipv4 {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct plain_ipv6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

#define PLAIN_FLAGS (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)
/* Version 4, header of five words. */
#define PLAIN_IPV4 0x45
#define FLAGS_OFFSET 13

/* The segment behind the IP header; l4_length is set. */
static __always_inline bool plain_tcp(struct packet *pkt, const void *segment)
{
	const struct tcphdr *tcp = segment;
	__u32 header = tcp->doff * 4;

	pkt->tcp_flags = ((const __u8 *)segment)[FLAGS_OFFSET];
	if ((pkt->tcp_flags & PLAIN_FLAGS) != TCP_ACK)
		return false;
	if (header < sizeof(*tcp) || header > pkt->l4_length)
		return false;
	pkt->key.proto = IPPROTO_TCP;
	pkt->key.port[0] = tcp->source;
	pkt->key.port[1] = tcp->dest;
	pkt->seq = bpf_ntohl(tcp->seq);
	pkt->end = pkt->seq + pkt->l4_length - header;
	pkt->ack = bpf_ntohl(tcp->ack_seq);
	pkt->window = bpf_ntohs(tcp->window);
	pkt->complete = true;
	pkt->reversed = key_normalise(&pkt->key, false);
	return true;
}

static __always_inline bool plain_ipv4(struct packet *pkt, void *data,
				       void *data_end)
{
	struct plain_ipv4 *frame = data;
	__u32 total;

	if ((void *)(frame + 1) > data_end ||
	    *(__u8 *)&frame->ip != PLAIN_IPV4 ||
	    frame->ip.protocol != IPPROTO_TCP ||
	    frame->ip.frag_off & bpf_htons(IPV4_MORE_FRAGMENTS |
					   IPV4_OFFSET_MASK))
		return false;
	total = bpf_ntohs(frame->ip.tot_len);
	if (total < sizeof(frame->ip) || total > pkt->bytes - sizeof(frame->eth))
		return false;
	pkt->l4_offset = offsetof(struct plain_ipv4, tcp);
	pkt->l4_length = total - sizeof(frame->ip);
	pkt->key.family = 4;
	key_set_ipv4(&pkt->key, frame->ip.saddr, frame->ip.daddr);
	return plain_tcp(pkt, (void *)frame + pkt->l4_offset);
}

static __always_inline bool plain_ipv6(struct packet *pkt, void *data,
				       void *data_end)
{
	struct plain_ipv6 *frame = data;

	if ((void *)(frame + 1) > data_end || frame->ip.version != 6 ||
	    frame->ip.nexthdr != IPPROTO_TCP)
		return false;
	pkt->l4_offset = offsetof(struct plain_ipv6, tcp);
	pkt->l4_length = bpf_ntohs(frame->ip.payload_len);
	if (pkt->l4_length > pkt->bytes - offsetof(struct plain_ipv6, tcp))
		return false;
	pkt->key.family = 6;
	key_set_ipv6(&pkt->key, &frame->ip.saddr);
	return plain_tcp(pkt, (void *)frame + pkt->l4_offset);
}

/* Fills pkt, whose bytes, segments and side are set and whose rest is zero, if
 * the packet is a plain segment. */
static __always_inline bool parse_plain(struct packet *pkt, void *data,
					void *data_end)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return plain_ipv4(pkt, data, data_end);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return plain_ipv6(pkt, data, data_end);
	return false;
}
