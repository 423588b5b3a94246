/* SPDX-License-Identifier: GPL-2.0 */
/* Fragments. The first one has the ports; the others are attributed to its flow
 * by what they share with it, and never begin one. Where they overtake the
 * first they are forwarded untracked. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "tuple.h"

/* RFC 791: source, destination, protocol and identification. RFC 8200 4.5: without
 * the protocol, since what follows the fragment header may be another extension,
 * and differ between fragments. The VLANs are ours. */
struct fragment_key {
	__be64 addr[2][2];
	__u32 id;
	__u16 vlan[2];
	__u8 proto;
	__u8 family;
	__u16 pad;
	__u32 pad2;
};

_Static_assert(sizeof(struct fragment_key) == 48,
	       "fragment_key has hidden padding");

/* What only the first fragment shows. */
struct fragment_ports {
	__be16 port[2];
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 icmp_answer;
	__u8 proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

/* From a packet whose key is not in order yet. */
static __always_inline struct fragment_key fragment_key(const struct packet *pkt)
{
	struct fragment_key key = {
		.id = pkt->fragment_id,
		.vlan = { pkt->key.vlan[0], pkt->key.vlan[1] },
		.proto = pkt->fragment_proto,
		.family = pkt->key.family,
	};

	key.addr[0][0] = pkt->key.addr[0][0];
	key.addr[0][1] = pkt->key.addr[0][1];
	key.addr[1][0] = pkt->key.addr[1][0];
	key.addr[1][1] = pkt->key.addr[1][1];
	return key;
}

/* Keeps the ports of a first fragment for those that follow. */
__noinline int fragment_remember(struct packet *pkt)
{
	struct fragment_ports ports;
	struct fragment_key key;

	if (!pkt)
		return 0;
	key = fragment_key(pkt);
	ports.port[0] = pkt->key.port[0];
	ports.port[1] = pkt->key.port[1];
	ports.icmp_type = pkt->key.icmp_type;
	ports.icmp_code = pkt->key.icmp_code;
	ports.icmp_answer = pkt->icmp_answer;
	ports.proto = pkt->key.proto;
	bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
	return 0;
}

/* Gives a later fragment the ports of the first; tells whether they are known. */
__noinline int fragment_recall(struct packet *pkt)
{
	struct fragment_ports *ports;
	struct fragment_key key;

	if (!pkt)
		return 0;
	key = fragment_key(pkt);
	ports = bpf_map_lookup_elem(&fragments, &key);
	if (!ports)
		return 0;
	pkt->key.port[0] = ports->port[0];
	pkt->key.port[1] = ports->port[1];
	pkt->key.icmp_type = ports->icmp_type;
	pkt->key.icmp_code = ports->icmp_code;
	pkt->icmp_answer = ports->icmp_answer;
	pkt->key.proto = ports->proto;
	return 1;
}
