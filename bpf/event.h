/* SPDX-License-Identifier: GPL-2.0 */
/* Events for user space: a flow is new, has changed its state, or has ended.
 *
 * Each reader puts a ring buffer of its own into a slot of readers, so that
 * several consoles get all events independently. Without readers nothing is
 * copied. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "owner.h"
#include "stats.h"

enum event_type {
	EVENT_NONE,
	EVENT_NEW,
	EVENT_UPDATE,
	EVENT_DESTROY,
};

struct event {
	/* The number of the event on its CPU and lane. A gap shows how many are
	 * missing. */
	__u64 sequence;
	__u64 time_ns;
	__u64 id;
	__u64 created_ns;
	struct flow_key key;
	__u64 packets[2];
	__u64 bytes[2];
	__u32 cpu;
	enum event_type type;
	enum reason reason;
	/* States before and after, and the flow's flags (control). */
	enum flow_state from;
	enum flow_state to;
	enum direction direction;
	enum flow_flag flags;
	enum event_lane lane;
	/* Measurements, as in struct flow. */
	__u32 rtt_us[2];
	__u16 retransmits[2];
	__u16 zero_windows[2];
	__u16 invalid;
	__u16 related;
	__u16 reordered[2];
	/* The process behind the flow. Without one, control is zero. */
	struct owner owner;
};

_Static_assert(sizeof(struct event) == 216, "event has hidden padding");

#define MAX_READERS 8
/* A reader is woken each time that this many more bytes wait in its ring. To
 * wake a reader costs more than the event itself. */
#define WAKEUP_BYTES (64 * 1024)
/* Which events of a CPU look whether that is so: to ask the ring is a tenth of what an
 * event costs. */
#define WAKEUP_EVERY 8

static __always_inline bool wakeup_is_due(void *ring, __u64 sequence)
{
	__u64 waiting;

	if (sequence % WAKEUP_EVERY)
		return false;
	waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	/* If concurrent events skip this mark, the next mark or the reader's
	 * own deadline wakes it. */
	return waiting >= WAKEUP_BYTES &&
	       waiting % WAKEUP_BYTES <
		       2 * WAKEUP_EVERY * sizeof(struct event);
}

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_READERS);
	__type(key, __u32);
	__array(values, struct ring);
} readers SEC(".maps");

/* A change of a flow's control, for event_fill(). */
struct change {
	__u64 from;
	__u64 to;
	__u64 sequence;
	__u64 time_ns;
	__u32 cause;
};

/* A cause is the reason, direction and lane of an event in one word. */
#define CAUSE_DIRECTION_SHIFT 8
#define CAUSE_LANE_SHIFT 9

/* Returns the cause of a packet. */
static __always_inline __u32 event_cause(enum reason reason, __u32 direction)
{
	return reason | (direction & 1) << CAUSE_DIRECTION_SHIFT;
}

/* Returns the cause of a request of user space. */
static __always_inline __u32 request_cause(enum reason reason)
{
	return reason | LANE_REQUEST << CAUSE_LANE_SHIFT;
}

static __always_inline enum reason cause_reason(__u32 cause)
{
	return cause & 0xff;
}

static __always_inline enum direction cause_direction(__u32 cause)
{
	return cause >> CAUSE_DIRECTION_SHIFT & 1;
}

static __always_inline enum event_lane cause_lane(__u32 cause)
{
	return cause >> CAUSE_LANE_SHIFT & 1;
}

/* Whom a flow belongs to. A new one has no owner yet: it is its first packet's. */
static __always_inline void event_note_owner(struct event *event,
					     const struct flow *flow,
					     const struct change *change)
{
	const struct owner *pending;

	if (!naming || control_state(change->from) != STATE_NONE) {
		owner_copy(&event->owner, flow, change->from);
		return;
	}
	pending = pending_owner_get();
	if (!pending)
		return;
	event->owner = *pending;
	if (pending->control && !(change->to & FLOW_SEEN))
		event->owner.control ^= OWNER_REPLY;
}

static __always_inline void event_fill(struct event *event,
				       const struct flow_key *key,
				       const struct flow *flow,
				       const struct change *change)
{
	event->sequence = change->sequence;
	event->time_ns = change->time_ns;
	event->id = flow_id(flow);
	event->created_ns = flow->created_ns;
	event->key = *key;
	event->packets[0] = flow->dir[0].packets;
	event->packets[1] = flow->dir[1].packets;
	event->bytes[0] = flow->dir[0].bytes;
	event->bytes[1] = flow->dir[1].bytes;
	event->cpu = bpf_get_smp_processor_id();
	event->from = control_state(change->from);
	event->to = control_state(change->to);
	event->flags = (__u32)(change->from | change->to) &
		       ~(__u32)CONTROL_STATE;
	event->reason = cause_reason(change->cause);
	event->direction = cause_direction(change->cause);
	event->type = !event->from ? EVENT_NEW :
		      !event->to   ? EVENT_DESTROY :
				     EVENT_UPDATE;
	event->lane = cause_lane(change->cause);
	event->rtt_us[0] = flow->dir[0].rtt_us;
	event->rtt_us[1] = flow->dir[1].rtt_us;
	event->retransmits[0] = flow->dir[0].retransmits;
	event->retransmits[1] = flow->dir[1].retransmits;
	event->zero_windows[0] = flow->dir[0].zero_windows;
	event->zero_windows[1] = flow->dir[1].zero_windows;
	event->invalid = flow->invalid;
	event->related = flow->related;
	event->reordered[0] = flow->reordered[0];
	event->reordered[1] = flow->reordered[1];
	event_note_owner(event, flow, change);
}

/* Writes an event in place: a copy would take a third of the stack. */
static __always_inline void event_write(void *ring, const struct flow_key *key,
					const struct flow *flow,
					const struct change *change)
{
	struct event *event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!event) {
		/* Looked up here and not kept: the stack is short. */
		struct cpu_stats *stats = stats_get();

		if (stats)
			__sync_fetch_and_add(&stats->events_lost, 1);
		return;
	}
	event_fill(event, key, flow, change);
	if (wakeup_is_due(ring, change->sequence))
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(event, flags);
}

/* Reports a flow's change from one state to another to all readers. */
__noinline int event_emit(const struct flow_key *key, const struct flow *flow,
			  __u64 from, __u64 to, __u32 cause)
{
	struct cpu_stats *stats = stats_get();
	struct change change;
	__u32 slot;

	if (!key || !flow || !stats)
		return 0;
	change.from = from;
	change.to = to;
	change.cause = cause;
	change.sequence = __sync_fetch_and_add(
		&stats->events[cause_lane(cause)], 1);
	/* A new flow was created just now. For others the clock is read once
	 * there is a reader: it costs as much as the rest. */
	change.time_ns = control_state(from) == STATE_NONE ? flow->created_ns :
							     0;
	for (slot = 0; slot < MAX_READERS; slot++) {
		__u32 index = slot;
		void *ring = bpf_map_lookup_elem(&readers, &index);

		if (!ring)
			continue;
		if (!change.time_ns)
			change.time_ns = clock_ns();
		event_write(ring, key, flow, &change);
	}
	return 0;
}
