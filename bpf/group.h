/* SPDX-License-Identifier: GPL-2.0 */
/* Echo requests to a group, or to all: the answers come from addresses that nobody
 * asked. They are related to the flow of the request, as long as there is one. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "packet.h"
#include "table.h"
#include "tuple.h"

/* Where a host asked last by this id: keys have no address of the other end. */
struct group {
	__be64 addr[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, struct group);
} groups SEC(".maps");

/* Remembers to whom a request goes that many may answer. */
__noinline int group_remember(struct packet *pkt)
{
	struct flow_key key;
	struct group group;

	if (!pkt)
		return 0;
	key = pkt->key;
	group.addr[0] = key.addr[1][0];
	group.addr[1] = key.addr[1][1];
	key.addr[1][0] = 0;
	key.addr[1][1] = 0;
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
	__u64 control;

	if (!pkt)
		return 0;
	key = pkt->key;
	key.addr[1][0] = 0;
	key.addr[1][1] = 0;
	group = bpf_map_lookup_elem(&groups, &key);
	if (!group)
		return 0;
	key.addr[1][0] = group->addr[0];
	key.addr[1][1] = group->addr[1];
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	control = READ_ONCE(flow->control);
	if (control_state(control) == STATE_NONE ||
	    !flow_side_fits(control, pkt, REPLY))
		return 0;
	count_up(&flow->related);
	return 1;
}
