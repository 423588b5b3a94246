/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP requests to a multicast or broadcast address. The answers come from
 * other addresses. They are related to the flow of the request, as long as it
 * exists. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "table.h"
#include "tuple.h"

/* The address that a host sent its last request with an identifier to. The key
 * has the host's side in place of that address, so a request that is forged on
 * the other side does not replace the entry. */
struct group {
	__be64 addr[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, struct group);
} groups SEC(".maps");

/* Turns the key of a flow into that of a host on one side. */
static __always_inline void group_key(struct flow_key *key, __u32 side)
{
	key->addr[1][0] = config.sides_unknown ? 0 : side & 1;
	key->addr[1][1] = 0;
}

/* Remembers the address of a request that many hosts may answer. Every request
 * does so, since its entry may have been evicted. */
__noinline int group_remember(struct packet *pkt)
{
	struct flow_key key;
	struct group group;

	if (!pkt)
		return 0;
	key = pkt->key;
	group.addr[0] = key.addr[1][0];
	group.addr[1] = key.addr[1][1];
	group_key(&key, pkt->side);
	bpf_map_update_elem(&groups, &key, &group, BPF_ANY);
	return 0;
}

/* Counts an answer as related to the flow of its request. Reports whether there
 * is one. */
__noinline int group_answered(struct packet *pkt)
{
	struct group *group;
	struct flow_key key;
	struct flow *flow;
	__u64 control;

	if (!pkt)
		return 0;
	key = pkt->key;
	group_key(&key, !pkt->side);
	group = bpf_map_lookup_elem(&groups, &key);
	if (!group)
		return 0;
	key.addr[1][0] = group->addr[0];
	key.addr[1][1] = group->addr[1];
	flow = flow_living(&key, &control);
	if (!flow)
		return 0;
	count_up(&flow->reply.others);
	return 1;
}
