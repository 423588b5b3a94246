/* SPDX-License-Identifier: GPL-2.0 */
/* Events for user space: a flow is new, has changed its state, or has ended.
 *
 * Each reader puts a ring buffer of its own into a slot of readers, so that
 * several consoles get all events independently. Without readers nothing is
 * copied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "flow.h"
#include "octets.h"
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
	struct flow_key key;
	__u64 packets[2];
	__u64 bytes[2];
	__u32 cpu;
	/* The flow's flags (control). */
	enum flow_flag flags;
	/* enum event_type, enum reason. */
	__u8 type;
	__u8 reason;
	/* enum flow_state, before and after. */
	__u8 from;
	__u8 to;
	/* enum direction, enum event_lane. */
	__u8 direction;
	__u8 lane;
	__u8 pad[2];

	/* EVENT_NEW ends here, unless processes are looked for: what follows is
	 * zero, and the flow was created at time_ns. */
	__u64 created_ns;
	/* Measurements, as in struct flow. */
	__u32 rtt_us[2];
	__u16 retransmits[2];
	__u16 zero_windows[2];
	__u16 invalid;
	__u16 related;
	__u16 reordered[2];

	/* Others end here, unless processes are looked for. The process behind the
	 * flow. Without one, control is zero. */
	struct owner owner;

	/* And here, unless octets are counted (octets.h). How long the flow was
	 * silent, and what its frames had beyond Ethernet and IP. */
	__u64 idle_ticks;
	struct octets octets;
};

/* With its header in the ring a new flow's event is two cache lines. */
#define EVENT_NEW_SIZE offsetof(struct event, created_ns)
#define EVENT_OWNERLESS_SIZE offsetof(struct event, owner)
#define EVENT_OWNED_SIZE offsetof(struct event, idle_ticks)

_Static_assert(EVENT_NEW_SIZE == 120, "event has hidden padding");
_Static_assert(EVENT_OWNERLESS_SIZE == 152, "event has hidden padding");
_Static_assert(EVENT_OWNED_SIZE == 200, "event has hidden padding");
_Static_assert(sizeof(struct event) == 224, "event has hidden padding");

#define MAX_READERS 8
/* A reader is woken each time that this many more bytes wait in its ring, a sixteenth.
 * To wake a reader costs more than hundreds of events. */
#define WAKEUP_BYTES (256 * 1024)
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
	       waiting % WAKEUP_BYTES < 2 * WAKEUP_EVERY * sizeof(struct event);
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

/* A change of a flow's control. The flow may end as soon as others see the change, and
 * another one get its place before the event is written: so its id and its key are not
 * read from there. */
struct change {
	__u64 id;
	__u64 sequence;
	__u64 time_ns;
	/* The lower half of control, before and after. */
	__u32 from;
	__u32 to;
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

	if (control_state(change->from) != STATE_NONE) {
		owner_copy(&event->owner, flow, change->id);
		return;
	}
	pending = pending_owner_get();
	if (!pending)
		return;
	event->owner = *pending;
	if (pending->control && !(change->to & FLOW_SEEN))
		event->owner.control ^= OWNER_REPLY;
}

/* What records of flows have more. */
__noinline int event_note_octets(struct event *event, const struct flow *flow)
{
	const struct octets *o;
	__u64 last, reply, now;

	if (!event || !flow)
		return 0;
	last = flow->origin.last_seen_ticks;
	reply = flow->reply.last_seen_ticks;
	if (reply > last)
		last = reply;
	now = clock_ticks();
	event->idle_ticks = now > last ? now - last : 0;
	o = octets_of(flow);
	event->octets.beyond[0] = o ? o->beyond[0] : 0;
	event->octets.beyond[1] = o ? o->beyond[1] : 0;
	return 0;
}

/* Fills in what every event has. */
static __always_inline void event_begin(struct event *event,
					const struct flow_key *key,
					const struct flow *flow,
					const struct change *change)
{
	event->sequence = change->sequence;
	event->time_ns = change->time_ns;
	event->id = change->id;
	event->key = *key;
	event->packets[0] = flow->origin.packets;
	event->packets[1] = flow->reply.packets;
	event->bytes[0] = flow->origin.bytes;
	event->bytes[1] = flow->reply.bytes;
	event->cpu = bpf_get_smp_processor_id();
	event->flags = (change->from | change->to) & ~(__u32)CONTROL_STATE;
	event->reason = cause_reason(change->cause);
	event->from = control_state(change->from);
	event->to = control_state(change->to);
	event->direction = cause_direction(change->cause);
	event->lane = cause_lane(change->cause);
	event->pad[0] = 0;
	event->pad[1] = 0;
	event->type = !event->from ? EVENT_NEW :
		      !event->to   ? EVENT_DESTROY :
				     EVENT_UPDATE;
}

/* Fills in what a new flow's event does without. */
static __always_inline void event_finish(struct event *event,
					 const struct flow *flow)
{
	event->created_ns = flow->created_ns;
	event->rtt_us[0] = flow->origin.rtt_us;
	event->rtt_us[1] = flow->reply.rtt_us;
	event->retransmits[0] = flow->origin.retransmits;
	event->retransmits[1] = flow->reply.retransmits;
	event->zero_windows[0] = flow->dir[0].zero_windows;
	event->zero_windows[1] = flow->dir[1].zero_windows;
	event->invalid = flow->origin.others;
	event->related = flow->reply.others;
	event->reordered[0] = flow->origin.reordered;
	event->reordered[1] = flow->reply.reordered;
}

static __always_inline void event_submit(void *ring, void *event,
					 __u64 sequence)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (wakeup_is_due(ring, sequence))
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(event, flags);
}

/* Counts a copy that did not fit. The counters are looked up here and not kept: the stack
 * is short. */
static __always_inline void event_note_lost(void)
{
	struct cpu_stats *stats = stats_get();

	if (stats)
		__sync_fetch_and_add(&stats->events_lost, 1);
}

/* Writes an event in place: a copy would take a third of the stack. size is constant,
 * and leaves out what such an event does without. */
static __always_inline bool event_write(void *ring, const struct flow_key *key,
					const struct flow *flow,
					const struct change *change, __u32 size)
{
	struct event *event = bpf_ringbuf_reserve(ring, size, 0);

	if (!event)
		return false;
	event_begin(event, key, flow, change);
	if (size > EVENT_NEW_SIZE)
		event_finish(event, flow);
	if (size > EVENT_OWNERLESS_SIZE && naming)
		event_note_owner(event, flow, change);
	else if (size > EVENT_OWNERLESS_SIZE)
		__builtin_memset(&event->owner, 0, sizeof(event->owner));
	if (size > EVENT_OWNED_SIZE)
		event_note_octets(event, flow);
	event_submit(ring, event, change->sequence);
	return true;
}

/* Writes the event of a flow that is not new. */
static __always_inline bool event_write_changed(void *ring,
						const struct flow_key *key,
						const struct flow *flow,
						const struct change *change)
{
	if (exact_octets)
		return event_write(ring, key, flow, change,
				   sizeof(struct event));
	if (naming)
		return event_write(ring, key, flow, change, EVENT_OWNED_SIZE);
	return event_write(ring, key, flow, change, EVENT_OWNERLESS_SIZE);
}

static __always_inline void *reader_ring(__u32 slot)
{
	return bpf_map_lookup_elem(&readers, &slot);
}

/* Counts an event, and returns its number. A packet interrupts no other one on its
 * CPU; a request may be interrupted by one. */
static __always_inline __u64 event_number(struct cpu_stats *stats, __u32 cause)
{
	if (cause_lane(cause) == LANE_PACKET)
		return stats->events[LANE_PACKET]++;
	return __sync_fetch_and_add(&stats->events[LANE_REQUEST], 1);
}

/* Reports that a flow was created just now, at time_ns, to all readers. */
static __always_inline void event_emit_new(const struct flow_key *key,
					   const struct flow *flow, __u64 id,
					   __u64 time_ns, __u32 to,
					   struct cpu_stats *stats)
{
	struct change change = {
		.id = id,
		.to = to,
		.cause = event_cause(REASON_NONE, ORIGIN),
		.sequence = stats->events[LANE_PACKET]++,
		.time_ns = time_ns,
	};
	__u32 slot;

#pragma clang loop unroll(disable)
	for (slot = 0; slot < MAX_READERS; slot++) {
		void *ring = reader_ring(slot);

		if (ring &&
		    !(naming ? event_write(ring, key, flow, &change,
					   EVENT_OWNED_SIZE) :
			       event_write(ring, key, flow, &change,
					   EVENT_NEW_SIZE)))
			event_note_lost();
	}
}

/* The lower half of control before and after, in one word. */
static __always_inline __u64 control_change(__u32 from, __u32 to)
{
	return from | (__u64)to << 32;
}

/* Writes an event of a control_change() for all readers. */
__noinline int event_copy(const struct flow_key *key, const struct flow *flow,
			  __u64 id, __u64 control, __u32 cause)
{
	struct cpu_stats *stats = stats_get();
	struct change change;
	__u32 slot;

	if (!key || !flow || !stats)
		return 0;
	change.id = id;
	change.from = control;
	change.to = control >> 32;
	change.cause = cause;
	change.sequence = event_number(stats, cause);
	change.time_ns = clock_ns();
	for (slot = 0; slot < MAX_READERS; slot++) {
		void *ring = reader_ring(slot);

		if (ring && !event_write_changed(ring, key, flow, &change))
			event_note_lost();
	}
	return 0;
}

/* Reports to all readers a flow's change from one control to another. id was read before
 * that, unless the caller still has the place. */
static __always_inline void event_emit(const struct flow_key *key,
				       const struct flow *flow, __u64 id,
				       __u32 from, __u32 to, __u32 cause)
{
	struct cpu_stats *stats;
	__u32 slot;

#pragma unroll
	for (slot = 0; slot < MAX_READERS; slot++)
		if (reader_ring(slot)) {
			event_copy(key, flow, id, control_change(from, to),
				   cause);
			return;
		}
	stats = stats_get();
	if (stats)
		event_number(stats, cause);
}
