/* SPDX-License-Identifier: GPL-2.0 */
/* Interfaces that are watched: a tracker sees their packets in both directions, and
 * lets them go on. A flow belongs to the interface at which it was seen: its number is
 * the zone in the key, so equal tuples at two interfaces are two flows. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/bpf_common.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "plain.h"
#include "tuple.h"

/* A watched interface. */
struct watched {
	/* Its zone, as it is in the last two words of a key. User space puts it
	 * into the four highest bits of the three VLAN ids, which are free. */
	__u64 zone[2];
	/* Its packets begin with the header of the network layer. */
	__u32 no_link;
	/* Its packets have no direction: both ends are on one side of it (lo). */
	__u32 one_side;
	/* The id of the network namespace at its other end, or a negative number. */
	__s32 peer_netns;
	__u32 pad;
	/* What this CPU has seen there, by side. */
	struct volume seen[2];
};

/* Watched interfaces by their index. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct watched);
} watched SEC(".maps");

/* The sides of a watched interface. Packets come in from the wire, or go out from
 * the machine. */
#define WATCH_IN 0
#define WATCH_OUT 1

static __always_inline void watched_count(struct watched *w, __u32 side,
					  const struct volume *seen)
{
	w->seen[side].packets += seen->packets;
	w->seen[side].bytes += seen->bytes;
}

static __always_inline struct watched *watched_get(const struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;

	return bpf_map_lookup_elem(&watched, &ifindex);
}

/* Puts a parsed packet into the zone and on the side of its interface. The zone is
 * added after parsing, since VLAN ids are read from a key before. Where neither tells
 * the direction, that of the tuple does. */
static __always_inline void watch_place(struct packet *pkt,
					const struct watched *w, __u32 side)
{
	key_set_zone((union plain_key *)&pkt->key, w->zone);
	pkt->side = w->one_side ? pkt->reversed : side;
}
