/* SPDX-License-Identifier: GPL-2.0 */
/* The table of flows: the one way in, and the one way out.
 *
 * Functions that are not static are looked at by the verifier once, with
 * nothing known of their arguments, instead of once for every way to them. */
#pragma once

#include <linux/errno.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "event.h"
#include "flow.h"
#include "stats.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* Looks a flow up by a key that lies anywhere. Up to Linux 6.1 the verifier takes
 * keys from the stack or a map only, not what a function was handed. */
static __always_inline struct flow *flow_find(const struct flow_key *key)
{
	struct flow_key copy = *key;

	return bpf_map_lookup_elem(&flows, &copy);
}

/* A flow in the making. Only the packet path creates flows, and nothing
 * interrupts it on its own CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} scratch SEC(".maps");

static __always_inline struct flow *scratch_flow(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* A number that no other flow of this machine has had (up to 2^48 on each of
 * 65,536 CPUs), spread over all 64 bits: the finaliser of splitmix64 maps one
 * to one. Never zero. */
static __always_inline __u64 new_flow_id(const struct cpu_stats *stats)
{
	__u64 id = stats->created | (__u64)bpf_get_smp_processor_id() << 48;

	id += id_seed;
	id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9ULL;
	id = (id ^ id >> 27) * 0x94d049bb133111ebULL;
	id ^= id >> 31;
	return id ? id : 1;
}

/* How the table is filled. A map and not a global: what comes after an upgrade goes
 * on with it. */
struct filling {
	/* Flows that are kept in a full table. */
	__u64 kept;
	/* How many flows were ever written down in the nursery (embryo.h), and how
	 * many of them were taken out again. */
	__u64 head;
	__u64 tail;
	__u64 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filling);
} filling SEC(".maps");

static __always_inline struct filling *filling_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&filling, &zero);
}

/* How many flows may be kept: set at load, so that some room is left for new ones. */
volatile const __u64 kept_limit = ~0ULL;

/* Gives the flow's place back, if flags have one. */
static __always_inline void flow_release(__u64 flags)
{
	struct filling *filling = filling_get();

	if (filling && flags & FLOW_KEPT)
		__sync_fetch_and_add(&filling->kept, -1);
}

/* Takes a place for a flow that is kept, as a flag; zero where there is none. */
static __always_inline __u64 flow_keep(void)
{
	struct filling *filling = filling_get();

	if (!filling || READ_ONCE(filling->kept) >= kept_limit)
		return 0;
	if (__sync_fetch_and_add(&filling->kept, 1) < kept_limit)
		return FLOW_KEPT;
	__sync_fetch_and_add(&filling->kept, -1);
	return 0;
}

/* Ends a flow: every destroy comes by here. The caller has seen control and
 * decided by it; if it changed meanwhile nothing is done and the result is 0.
 *
 * Whoever changes control to STATE_NONE is alone in deleting the key, and until
 * then nobody can insert it anew: the delete hits the very entry. */
__noinline int flow_destroy(const struct flow_key *key,
				   struct flow *flow, __u64 control,
				   __u32 cause)
{
	struct cpu_stats *stats = stats_get();
	__u32 reason = cause_reason(cause);
	struct flow_key copy;

	if (!key || !flow || !stats)
		return 0;
	if (!control_swap(flow, control, control_with_state(control, STATE_NONE)))
		return 0;
	flow_release(control);
	event_emit(key, flow, control, STATE_NONE, cause);
	if (reason < NUM_REASONS)
		__sync_fetch_and_add(&stats->destroyed[reason], 1);
	copy = *key;
	bpf_map_delete_elem(&flows, &copy);
	return 1;
}
