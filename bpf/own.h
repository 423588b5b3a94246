/* SPDX-License-Identifier: GPL-2.0 */
/* The frames that the tracker itself sends at watched interfaces. They pass its own
 * programs, and are no flow's packets. Their mark, in tc_index, says at which interface
 * they were sent. Nothing else uses that field: the mark of a packet (skb->mark) would
 * be seen by routing and firewall rules. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "flow.h"
#include "packet.h"
#include "table.h"
#include "tcp.h"
#include "watch.h"

#define OWN_MASK 0xffff

/* Trackers on one machine have different marks. */
static __always_inline __u32 own_mark(__u32 ifindex)
{
	return (id_seed + ifindex) & OWN_MASK;
}

/* Returns whether to ignore a marked packet. At other interfaces that it passes, as on
 * its way over a bridge, it ends the flow that it has there. It counts for none. */
__noinline int own_ignore(struct __sk_buff *skb, struct packet *pkt)
{
	__u32 from = (skb->tc_index - id_seed) & OWN_MASK;
	struct flow *flow;
	__u64 control;

	if (!pkt || pkt->key.proto != IPPROTO_TCP ||
	    !(pkt->tcp_flags & TCP_RST))
		return 0;
	if (from == (skb->ifindex & OWN_MASK))
		return 1;
	if (!bpf_map_lookup_elem(&watched, &from))
		return 0;
	pkt->bytes = 0;
	pkt->segments = 0;
	flow = flow_living(&pkt->key, &control);
	if (flow)
		flow->reset = 1;
	return 0;
}
