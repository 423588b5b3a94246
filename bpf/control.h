/* SPDX-License-Identifier: GPL-2.0 */
/* Requests of user space. They run in the kernel, where they see a flow as it
 * is, and not as it was when user space read it. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "capture.h"
#include "clock.h"
#include "ended.h"
#include "flow.h"
#include "table.h"
#include "timeout.h"

/* Both clocks at one instant. */
struct clock_args {
	__u64 ticks;
	__u64 ns;
};

SEC("syscall")
int read_clock(struct clock_args *args)
{
	args->ticks = clock_ticks();
	args->ns = clock_ns();
	return 0;
}

/* How many places are a part of the table: while one is swept the CPU does nothing else on a
 * kernel that does not preempt. One takes 20 ns, or half a microsecond in some virtual machines. */
#define SWEEP_PLACES 4096

/* In: by how much timeouts of flows that may make room are shortened, in 256ths; whether
 * flows of the partner stay, since it lives and sweeps them; and the part to sweep, from one
 * on. Zero is the whole table, which an older ctop asks for. Out: the next part, zero after the
 * last one. Added to: flows visited, flows whose timeout was over, and flows whose shortened
 * timeout was.
 *
 * No larger than it ever was: a kernel runs no program with less than that reads. */
struct sweep_args {
	__u32 visited;
	__u32 part;
	__u64 expired;
	__u64 evicted;
	__u32 pressure;
	__u32 spare_inherited;
};

struct sweep {
	__u64 now;
	__u64 visited;
	__u64 expired;
	__u64 evicted;
	__u64 pressure;
	__u64 used;
	__u64 spared;
};

/* Reports whether a flow's timeout may be shortened: it was not answered, or
 * both sides have closed it, and no operator gave it a timeout. */
static __always_inline bool flow_may_make_room(const struct flow *flow,
					       __u64 control)
{
	return !flow->timeout_ticks &&
	       (control_state(control) < STATE_ESTABLISHED ||
		control_state(control) >= STATE_LAST_ACK);
}

__noinline int sweep_flow(struct flow *flow, struct sweep *sweep)
{
	__u64 control, idle, timeout;
	enum flow_state state;

	if (!flow || !sweep)
		return 0;
	control = READ_ONCE(flow->control);
	state = control_state(control);
	if (control == CONTROL_LOOSE && control_swap(flow, control, 0))
		place_give(flow);
	if (state == STATE_NONE)
		return 0;
	sweep->visited++;
	if (control & sweep->spared)
		return 0;
	flow = flow_after(flow, control);
	idle = flow_idle_ticks(flow, sweep->now);
	if (!idle)
		return 0;
	timeout = flow_timeout_ticks(flow, flow->key.proto, state);
	if (idle >= timeout)
		sweep->expired += flow_destroy(flow, control,
					       request_cause(REASON_EXPIRED));
	else if (sweep->pressure && flow_may_make_room(flow, control) &&
		 idle >= timeout - (timeout * sweep->pressure >> 8))
		sweep->evicted += flow_destroy(flow, control,
					       request_cause(REASON_EVICTED));
	return 0;
}

static long sweep_each(void *map, const __u32 *index, struct flow *flow,
		       struct sweep *sweep)
{
	if (*index >= sweep->used)
		return 1;
	sweep_flow(flow, sweep);
	return 0;
}

/* Not static: the verifier looks at it once, and not in each round of the loop. */
__noinline int sweep_place(__u64 place, struct sweep *sweep)
{
	if (sweep && place < sweep->used)
		sweep_flow(flow_at(place), sweep);
	return 0;
}

SEC("syscall")
int sweep(struct sweep_args *args)
{
	const struct filling *filling = filling_get();
	__u64 part = args->part, i;
	struct sweep sweep = {
		.now = clock_ticks(),
		.pressure = args->pressure < 256 ? args->pressure : 0,
		.used = filling ? READ_ONCE(filling->used) : 0,
		.spared = args->spare_inherited ? FLOW_INHERITED : 0,
	};

	if (!part)
		bpf_for_each_map_elem(&flows, sweep_each, &sweep, 0);
	else
		for (i = 0; i < SWEEP_PLACES; i++)
			sweep_place((part - 1) * SWEEP_PLACES + i, &sweep);
	args->part = part && part * SWEEP_PLACES < sweep.used ? part + 1 : 0;
	args->visited += sweep.visited;
	args->expired += sweep.expired;
	args->evicted += sweep.evicted;
	return 0;
}

enum flow_request {
	REQUEST_DELETE,
	REQUEST_TIMEOUT,
	/* A capture wants the packets of a flow, or does not any more. */
	REQUEST_MARK,
	REQUEST_UNMARK,
	/* A capture begins or ends. */
	REQUEST_CAPTURE,
	REQUEST_CAPTURED,
	/* One begins that wants the first bytes of flows alone. */
	REQUEST_HELLO,
};

/* In: a flow, and what to do with it. Out: whether it existed. */
struct request_args {
	struct flow_key key;
	__u64 id;
	enum flow_request request;
	__u32 timeout_ticks;
	__u32 done;
	/* The slot of the capture. */
	__u32 slot;
};

static __always_inline __u32 delete_flow(struct flow *flow, __u32 tag)
{
	int i;

	for (i = 0; i < 8; i++) {
		__u64 control = READ_ONCE(flow->control);

		if (control_state(control) == STATE_NONE ||
		    control_tag(control) != tag)
			return 0;
		if (flow_destroy(flow, control, request_cause(REASON_DELETED)))
			return 1;
	}
	return 0;
}

/* Lets a capture begin or end. Reports whether the request is about that. */
static __always_inline bool request_capture(enum flow_request request,
					    __u32 slot)
{
	__u32 hello = slot << HELLO_SHIFT;

	if (request == REQUEST_CAPTURE) {
		__sync_fetch_and_and(&capturing, ~hello);
		__sync_fetch_and_or(&capturing, slot);
	} else if (request == REQUEST_HELLO) {
		__sync_fetch_and_or(&capturing, slot | hello);
	} else if (request == REQUEST_CAPTURED) {
		__sync_fetch_and_and(&capturing, ~(slot | hello));
	} else {
		return false;
	}
	return true;
}

SEC("syscall")
int request(struct request_args *args)
{
	__u32 slot = 1 << (args->slot & (MAX_CAPTURES - 1));
	struct flow_key key = args->key;
	struct flow *flow;
	__u64 control;

	args->done = request_capture(args->request, slot);
	if (args->done)
		return 0;
	flow = flow_living(&key, &control);
	if (!flow || flow_id(flow) != args->id)
		return 0;
	if (args->request == REQUEST_DELETE) {
		/* It is cut: what may be left of an older one lets nothing
		 * pass. */
		ended_forget(&key);
		args->done = delete_flow(flow, args->id);
	} else if (args->request == REQUEST_TIMEOUT) {
		flow->timeout_ticks = args->timeout_ticks;
		args->done = 1;
		/* The partner is told. */
		if (config.paired & PAIRED_LIVES)
			event_copy(&key, flow, args->id,
				   control_change(control, control),
				   request_cause(REASON_NONE));
	} else if (args->request == REQUEST_MARK) {
		args->done = capture_mark(flow, control, flow->captures | slot);
	} else if (args->request == REQUEST_UNMARK) {
		args->done = capture_mark(flow, control,
					  flow->captures & ~slot);
	}
	return 0;
}
