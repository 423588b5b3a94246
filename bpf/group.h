/* SPDX-License-Identifier: GPL-2.0 */
/* Echo requests to a group, or to all: the answers come from addresses that nobody
 * asked. They are related to the flow of the request, as long as there is one. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "table.h"
#include "tuple.h"

/* Where a host asked last by this id: keys have its side in place of the other end's
 * address. Who forges requests by the other side takes no entry of the host's. */
struct group {
	__be64 addr[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, struct group);
} groups SEC(".maps");

/* Makes the key of a host on that side of one of its flow. */
static __always_inline void group_key(struct flow_key *key, __u32 side)
{
	key->addr[1][0] = config.sides_unknown ? 0 : side & 1;
	key->addr[1][1] = 0;
}

/* Remembers to whom a request goes that many may answer: every time, since others may
 * have filled the map since the last one. */
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

/* Counts an answer for the flow of the request to a group that it may be for; tells
 * whether there is one. */
__noinline int group_answered(struct packet *pkt)
{
	struct group *group;
	struct flow_key key;
	struct flow *flow;

	if (!pkt)
		return 0;
	key = pkt->key;
	group_key(&key, !pkt->side);
	group = bpf_map_lookup_elem(&groups, &key);
	if (!group)
		return 0;
	key.addr[1][0] = group->addr[0];
	key.addr[1][1] = group->addr[1];
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || control_state(READ_ONCE(flow->control)) == STATE_NONE)
		return 0;
	count_up(&flow->related);
	return 1;
}
