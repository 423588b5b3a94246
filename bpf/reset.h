/* SPDX-License-Identifier: GPL-2.0 */
/* Resets a TCP connection: sends each end a RST that looks like the other end's.
 *
 * A RST takes effect only with exactly the number that its receiver expects next
 * (RFC 5961). So it is made here, with the numbers that the flow has at this
 * moment. User space runs the program on a packet that holds its arguments; the
 * program writes the RSTs over it and sends clones of it. They go the way that the
 * packets of their direction went. In a wire they leave by the interface behind which
 * the end is, where the tracker never sees them. At a watched interface they go out, or
 * come in, and bear a mark (own.h). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "config.h"
#include "ended.h"
#include "flags.h"
#include "flow.h"
#include "link.h"
#include "own.h"
#include "reset_frame.h"
#include "reset_socket.h"
#include "stats.h"
#include "table.h"

enum reset_step {
	/* Send a RST to both ends, if the flow had packets since the last ones. */
	RESET_SEND,
	/* End the flow, unless it had packets since the RSTs. */
	RESET_END,
	/* The ends do not obey: the flow goes on as before. */
	RESET_GIVE_UP,
	/* Only tell which ends are sockets of this machine. */
	RESET_LOOK,
	/* The same, and mark the flow: its ends are about to be reset, so a RST of
	 * theirs has that reason. */
	RESET_MARK,
};

enum reset_result {
	/* The program did not run to its end. */
	RESET_NOTHING,
	/* The flow has ended. */
	RESET_GONE,
	/* Both ends were sent a RST. */
	RESET_SENT,
	/* The flow had packets since. */
	RESET_BUSY,
	/* It had none. */
	RESET_QUIET,
	/* The flow was ended. */
	RESET_ENDED,
	/* The flow is not TCP. */
	RESET_NOT_TCP,
	/* How to frame a packet to an end is not known. */
	RESET_UNFRAMED,
	/* A RST could not be sent. */
	RESET_UNSENT,
	/* The flow was looked at. */
	RESET_LOOKED,
};

/* In: a flow, and what to do. They begin where the packet begins, and its first
 * bytes are an Ethernet header for the kernel. */
struct reset_args {
	__u8 header[16];
	struct flow_key key;
	__u64 id;
	/* The packets of both directions when the last RSTs were sent, or all
	 * bits. */
	__u64 packets;
	enum reset_step step;
	/* The watched interface at which the flow was seen, zero in a wire. */
	__u32 ifindex;
	/* What is in struct watched of it. */
	__u32 no_link;
	__u32 one_side;
	/* The ends of the key, a bit each, for which the machine has a socket with
	 * the flow's tuple. It may be another flow's: of a namespace with the same
	 * addresses, or of a connection that is older or newer. */
	__u32 sockets;
	__u32 pad;
};

/* Writes a RST over the packet and sends a clone of it. */
__noinline int reset_send_one(struct __sk_buff *skb, const struct flow *flow,
			      struct reset *rst)
{
	__u32 length, ip;

	if (!flow || !rst)
		return RESET_UNSENT;
	ip = flow->key.family == 4 ? sizeof(struct reset_ipv4) :
				     sizeof(struct reset_ipv6);
	length = reset_link_length(&flow->key) + ip;
	rst->offset = 0;
	if (bpf_skb_change_tail(skb, length, 0) ||
	    reset_write_link(skb, rst, flow, ip))
		return RESET_UNSENT;
	if (flow->key.family == 4 ? reset_write_ipv4(skb, rst, &flow->key) :
				    reset_write_ipv6(skb, rst, &flow->key))
		return RESET_UNSENT;
	if (rst->watched)
		skb->tc_index = own_mark(rst->ifindex);
	return bpf_clone_redirect(skb, rst->ifindex, rst->flags) ? RESET_UNSENT :
								   0;
}

/* Sets where the RST leaves or comes in. */
static __always_inline void reset_route(struct reset *rst, __u64 control,
					const struct reset_way *way)
{
	/* The receiver is the origin for a packet of the reply. */
	__u32 side = !!(control & FLOW_SIDE) ^ !rst->d;

	rst->watched = way->ifindex;
	rst->ifindex = way->ifindex;
	if (!way->ifindex)
		rst->ifindex = config.points[side & 1].ifindex;
	/* The sides of a watched interface are the directions of its packets. */
	else if (!way->one_side && side != WATCH_IN)
		rst->flags = BPF_F_INGRESS;
}

/* Sends the RST of direction d to its receiver. What the receiver expects next is
 * what the sender has sent last, or what the receiver has acknowledged, if the
 * rest was lost behind the tracker. */
static __always_inline int reset_send(struct __sk_buff *skb,
				      const struct flow *flow, __u64 control,
				      __u32 d, const struct reset_way *way)
{
	const struct flow_dir *sender = &flow->dir[d & 1];
	const struct flow_dir *receiver = &flow->dir[!(d & 1)];
	bool heard = has_flag(control, FLOW_SEEN, !d);
	__u32 end = READ_ONCE(sender->end), acked = READ_ONCE(receiver->acked);
	struct reset rst = {
		.d = d & 1,
		.source = !!(control & FLOW_REVERSED) ^ (d & 1),
		.seq = end,
		.ack = READ_ONCE(receiver->end),
		.acks = heard,
	};
	int err = 0;

	reset_route(&rst, control, way);
	if (!has_flag(control, FLOW_SEEN, d))
		rst.seq = acked;
	err = reset_send_one(skb, flow, &rst);
	if (!err && heard && acked && acked != rst.seq) {
		rst.seq = acked;
		err = reset_send_one(skb, flow, &rst);
	}
	return err;
}

/* Reports whether how to frame a packet is known. An MPLS label is another one in
 * each direction, and is not remembered. The packets of a replay came by no wire, and
 * the interfaces that it gives them are others'. */
static __always_inline bool reset_framed(const struct flow *flow,
					 const struct reset_way *way)
{
	const struct ethernet *origin = &flow->origin.ethernet;
	const struct ethernet *reply = &flow->reply.ethernet;

	return !clock_injected && !(flow->link & LINK_LABELS) &&
	       (way->no_link || origin->words[0] | origin->words[1] | origin->words[2] |
		reply->words[0] | reply->words[1] | reply->words[2]);
}

static __always_inline __u64 reset_packets(const struct flow *flow)
{
	return READ_ONCE(flow->origin.packets) +
	       READ_ONCE(flow->reply.packets);
}

/* Ends the flow, and remembers it: packets on their way belong to nobody. */
static __always_inline int reset_end(struct flow *flow, struct flow_key *key,
				     __u64 control, __u64 packets)
{
	if (reset_packets(flow) != packets)
		return RESET_BUSY;
	ended_remember(key, flow, ORIGIN, !!(control & FLOW_REVERSED),
		       clock_ticks());
	if (!flow_destroy(flow, control, request_cause(REASON_RESET)))
		return RESET_BUSY;
	return RESET_ENDED;
}

/* Sends both ends a RST. Tells user space how many packets the flow had before, and
 * the round trip of its handshake, in the packet's control block. */
static __always_inline int reset_both(struct __sk_buff *skb, struct flow *flow,
				      __u64 control, __u64 before,
				      const struct reset_way *way)
{
	__u64 packets = reset_packets(flow);
	int origin, reply;

	if (packets == before)
		return RESET_QUIET;
	if (!reset_framed(flow, way))
		return RESET_UNFRAMED;
	flow->reset = 1;
	origin = reset_send(skb, flow, control, ORIGIN, way);
	reply = reset_send(skb, flow, control, REPLY, way);
	skb->cb[0] = packets;
	skb->cb[1] = packets >> 32;
	skb->cb[2] = flow->origin.rtt_us + flow->reply.rtt_us;
	if (origin || reply)
		return RESET_UNSENT;
	return RESET_SENT;
}

/* Tells user space which ends of the flow are sockets of this machine. */
static __always_inline int reset_look(struct __sk_buff *skb,
				      const struct flow *flow, __u64 id,
				      __u32 candidates)
{
	__u32 sockets = 0;

	if (candidates & 1 && reset_is_socket(skb, flow, 0))
		sockets |= 1;
	if (candidates & 2 && reset_is_socket(skb, flow, 1))
		sockets |= 2;
	if (flow_id(flow) != id)
		return RESET_GONE;
	skb->cb[3] = sockets;
	return RESET_LOOKED;
}

SEC("tc")
int ctop_reset(struct __sk_buff *skb)
{
	const struct reset_args *args = CTX_DATA(skb);
	struct flow_key key;
	__u64 id, packets, control;
	struct reset_way way = {};
	struct flow *flow;
	__u32 step, sockets;

	if ((void *)(args + 1) > CTX_DATA_END(skb))
		return RESET_UNSENT;
	key = args->key;
	id = args->id;
	packets = args->packets;
	step = args->step;
	sockets = args->sockets;
	way.ifindex = args->ifindex;
	way.no_link = args->no_link;
	way.one_side = args->one_side;
	if (key.proto != IPPROTO_TCP)
		return RESET_NOT_TCP;
	flow = flow_living(&key, &control);
	if (!flow || flow_id(flow) != id)
		return RESET_GONE;
	switch (step) {
	case RESET_SEND:
		return reset_both(skb, flow, control, packets, &way);
	case RESET_END:
		return reset_end(flow, &key, control, packets);
	case RESET_MARK:
		flow->reset = 1;
		return reset_look(skb, flow, id, sockets);
	case RESET_LOOK:
		return reset_look(skb, flow, id, sockets);
	}
	flow->reset = 0;
	return RESET_BUSY;
}
