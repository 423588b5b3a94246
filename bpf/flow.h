/* SPDX-License-Identifier: GPL-2.0 */
/* One tracked flow: its layout, and how its state is read and changed.
 *
 * No lock guards a flow. State, flags and an identity tag share one word,
 * control, that only compare-and-exchange changes; whoever wins the exchange
 * makes the event. All other fields of a direction are written by packets of
 * that direction alone, with plain stores. docs/decisions/0001 says why, and
 * docs/architecture.md which races that leaves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "packet.h"
#include "tuple.h"

#ifndef READ_ONCE
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#endif

enum flow_state {
	/* The flow has ended; its entry is about to go. */
	STATE_NONE,
	STATE_NEW,
	STATE_SYN_SENT,
	STATE_SYN_RECV,
	STATE_ESTABLISHED,
	STATE_FIN_WAIT_1,
	STATE_FIN_WAIT_2,
	STATE_LAST_ACK,
	STATE_TIME_WAIT,
};

enum direction {
	ORIGIN,
	REPLY,
};

/* Flags of a flow, in control. Those of a direction come in pairs: the origin's
 * bit, and the reply's right above it. */
enum flow_flag {
	/* The partner's, of whose packets none came by here (inherit.h). */
	FLOW_INHERITED = 1 << 6,
	/* A capture wants its packets (capture.h). */
	FLOW_CAPTURED = 1 << 7,
	/* The origin is the key's end 1. */
	FLOW_REVERSED = 1 << 8,
	/* The first packet came in by the second interface. */
	FLOW_SIDE = 1 << 9,
	/* TCP picked up without a handshake: its window scales are unknown. */
	FLOW_MIDSTREAM = 1 << 10,
	/* The second FIN came after the first had been acknowledged, or the
	 * first was the reply's. */
	FLOW_FIN_REPLY_FIRST = 1 << 11,
	FLOW_SYN_SENT = 1 << 12,
	FLOW_SYN_ACKED = 1 << 14,
	FLOW_FIN_SENT = 1 << 16,
	FLOW_FIN_ACKED = 1 << 18,
	/* A SYN came in an established flow and waits for its answer. */
	FLOW_SYN_PENDING = 1 << 20,
	/* Has packets of this direction. */
	FLOW_SEEN = 1 << 22,
	/* A SYN+ACK of this direction waits for the ACK that decides: it was
	 * followed by another one, or it answers a pending SYN. */
	FLOW_SYN_ACK_PENDING = 1 << 24,
	/* The pending SYN came in by the second interface. */
	FLOW_PENDING_SIDE = 1 << 26,
	/* Packets came in by the wrong side before the flow was answered: both
	 * ends seem to be on one side. */
	FLOW_ONE_SIDED = 1 << 28,
	/* A FIN or a RST of this direction was outside the window. */
	FLOW_ENDED_OUTSIDE = 1 << 29,
	/* Was answered while there was room for such flows: it is not evicted
	 * (evict.h). */
	FLOW_KEPT = 1U << 31,
};

#define CONTROL_STATE 0x3fULL
#define CONTROL_TAG_SHIFT 32

/* The sequence numbers of one direction. Those of both are one cache line, since the
 * packets of one are checked by the numbers of the other. */
struct flow_dir {
	/* TCP. The sequence number after the last one sent; the last
	 * acknowledgement sent; the first number beyond what this direction
	 * permits the other to send; the largest window advertised. */
	__u32 end;
	__u32 acked;
	__u32 limit;
	__u32 max_window;
	/* The SYN's sequence number, and the one after the FIN. */
	__u32 syn_seq;
	__u32 fin_end;
	/* The sequence number after a SYN that waits for its answer, or after
	 * a SYN+ACK that waits for its ACK, and after the data it carried
	 * (RFC 7413). */
	__u32 pending_end;
	__u16 zero_windows;
	__u8 wscale;
	__u8 pending_wscale;
};

/* What the packets of one direction write, and nothing that those of the other read:
 * the two are in different cache lines, so that CPUs do not write to the same one. */
struct flow_traffic {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_ticks;
	/* How long this side took to answer in the handshake. */
	__u32 rtt_us;
	/* The Ethernet addresses of the first packet, destination first. */
	struct ethernet ethernet;
	__u16 retransmits;
	/* TCP segments that others overtook. */
	__u16 reordered;
	/* The CPU that the packets come by, plus one; zero before the first, and
	 * CPU_SHARED once there was another. */
	__u16 cpu;
	/* Packets that count for no direction: in the origin's traffic invalid ones
	 * that bear the flow's tuple, in the reply's ICMP errors about it. */
	__u16 others;
};

#define CPU_SHARED 0xffff

_Static_assert(sizeof(struct flow_dir) == 32, "two directions are a cache line");
_Static_assert(sizeof(struct flow_traffic) == 48, "flow_traffic has hidden padding");

/* Four cache lines. An established packet reads the first two, which are a pair, and the
 * line of its direction's traffic. It writes the second one only where it moves a number,
 * and the last. */
struct flow {
	struct flow_key key;
	/* Bits 0 to 5 state, 6 to 31 flags, 32 to 63 the low half of id: the
	 * tag that makes an exchange fail when the entry was given to another
	 * flow meanwhile. Zero while the flow is being made. */
	__u64 control;
	/* The number that no other flow has had. */
	__u64 id;

	struct flow_dir dir[2];

	/* flow_traffic() returns one of the two. */
	struct flow_traffic origin;
	__u64 created_ns;
	/* What its slot holds, and which one that is (bucket.h). Of a free entry place
	 * is the number of the next free one (place.h): nothing may lie here that
	 * packets write which still hold the entry of an ended flow. */
	__u64 slot;

	struct flow_traffic reply;
	__u32 place;
	/* Its position in the nursery (nursery.h). */
	__u32 nursery;
	/* An operator's timeout for this flow alone; zero is the state's. */
	__u32 timeout_ticks;
	/* The link headers of its packets (link.h). */
	__u16 link;
	/* An operator had both ends reset (reset.h). */
	__u8 reset;
	/* The captures that want its packets, a bit for each (capture.h). */
	__u8 captures;
};

#define TRAFFIC_APART (offsetof(struct flow, reply) - offsetof(struct flow, origin))

_Static_assert(sizeof(struct flow) == 256, "flow is four cache lines");
_Static_assert(offsetof(struct flow, dir) == 64,
	       "the directions are a cache line, which is paired with the key's");
_Static_assert(offsetof(struct flow, origin) == 128 && TRAFFIC_APART == 64,
	       "each direction's traffic begins a cache line");

/* The traffic of a direction, of which the lowest bit counts. */
static __always_inline struct flow_traffic *flow_traffic(const struct flow *flow, __u32 d)
{
	return (void *)&flow->origin + (d & 1) * TRAFFIC_APART;
}

/* Whether a direction has packets. What they say of it was written before. */
static __always_inline bool flow_heard(const struct flow *flow, __u32 d)
{
	return READ_ONCE(flow_traffic(flow, d)->packets);
}

static __always_inline __u64 flow_id(const struct flow *flow)
{
	return READ_ONCE(flow->id);
}

/* The tag by which entries elsewhere name the flow. */
static __always_inline __u32 control_tag(__u64 control)
{
	return control >> CONTROL_TAG_SHIFT;
}

static __always_inline enum flow_state control_state(__u64 control)
{
	return control & CONTROL_STATE;
}

static __always_inline __u64 control_with_state(__u64 control,
						enum flow_state state)
{
	return (control & ~CONTROL_STATE) | state;
}

/* Whether a flow has ended, though it may be in its slot still. One that is being made
 * has not. */
static __always_inline bool flow_has_ended(const struct flow *flow)
{
	__u64 control = READ_ONCE(flow->control);

	return control && control_state(control) == STATE_NONE;
}

/* Changes control from one value to another. Reports whether it did. */
static __always_inline bool control_swap(struct flow *flow, __u64 from,
					 __u64 to)
{
	return __sync_val_compare_and_swap(&flow->control, from, to) == from;
}

/* The same flow, but what is read by it is read after control was: its address depends on
 * that. arm64 reads independent words in any order, and what was read first could be of
 * the flow that had the place before. */
static __always_inline struct flow *flow_after(struct flow *flow, __u64 control)
{
	asm volatile("%0 &= 0" : "+r"(control));
	return (void *)flow + control;
}

/* The direction that a packet goes in its flow. */
static __always_inline __u32 flow_direction(__u64 control,
					    const struct packet *pkt)
{
	return !!(control & FLOW_REVERSED) ^ pkt->reversed;
}

/* Whether a packet came in by the side where its direction's sender is. The first
 * packet tells on which side the origin is, the reply must be on the other one. A
 * capture of one interface does not show sides: there the direction counts. */
static __always_inline bool flow_side_fits(__u64 control,
					   const struct packet *pkt, __u32 d)
{
	return config.sides_unknown ||
	       pkt->side == (!!(control & FLOW_SIDE) ^ (d & 1));
}

/* Whether both directions' numbers are known by packets that came by here. Those of a flow
 * that the partner had are not, though its handshake is done (inherit.h). */
static __always_inline bool flow_seen_both(__u64 control)
{
	return (control & 3 * (__u64)FLOW_SEEN) == 3 * (__u64)FLOW_SEEN;
}

/* Counts up to what fits and stays there. */
static __always_inline void count_up(__u16 *counter)
{
	if (*counter != 0xffff)
		(*counter)++;
}

/* Whether a direction's packets come by more than one CPU, so that its fields
 * need atomic operations. Receive-side scaling keeps a direction on one CPU;
 * virtual links do not. */
static __always_inline bool traffic_is_shared(struct flow_traffic *traffic)
{
	__u32 cpu = bpf_get_smp_processor_id() + 1;

	if (traffic->cpu == cpu)
		return false;
	if (!traffic->cpu) {
		traffic->cpu = cpu;
		return false;
	}
	traffic->cpu = CPU_SHARED;
	return true;
}

static __always_inline void flow_count(struct flow_traffic *traffic,
				       const struct packet *pkt, bool shared)
{
	if (shared) {
		__sync_fetch_and_add(&traffic->packets, pkt->segments);
		__sync_fetch_and_add(&traffic->bytes, pkt->bytes);
		return;
	}
	traffic->packets += pkt->segments;
	traffic->bytes += pkt->bytes;
}

/* A packet of the origin came by here, in flow.link; the reply's bit is right above. Unlike
 * FLOW_SEEN it stays when the flow moves to the partner. */
#define LINK_HEARD (1 << 14)

/* The directions of which a packet ever came by here, as bits. */
static __always_inline __u32 flow_heard_here(const struct flow *flow)
{
	return READ_ONCE(flow->link) / LINK_HEARD & 3;
}

static __always_inline void flow_note_heard(struct flow *flow, __u32 d)
{
	flow->link |= LINK_HEARD << (d & 1);
}

/* Notes how the packets of a direction are framed, by the first of them. */
static __always_inline void flow_note_link(struct flow *flow,
					   const struct packet *pkt, __u32 d)
{
	flow_traffic(flow, d)->ethernet = pkt->ethernet;
	flow->link |= pkt->link;
	flow_note_heard(flow, d);
}

/* Notes when the direction was last heard. Within one tick that is known. */
static __always_inline void flow_refresh(struct flow_traffic *traffic, __u64 now)
{
	if (traffic->last_seen_ticks != now)
		traffic->last_seen_ticks = now;
}
