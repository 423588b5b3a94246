/* SPDX-License-Identifier: GPL-2.0 */
/* Where flows lie, and which of these places are free.
 *
 * Flows lie in an array that user space maps into its memory. A place that was used
 * before goes onto a stack of free ones, the last one given back on top, since it is
 * still in the cache. Each CPU has a stack of its own, and takes from those of others
 * where that is empty. Places that nobody has used yet come last, in order, so that
 * the flows of a table that was never full lie at its beginning.
 *
 * Nobody waits for anybody: a step of another CPU, or of whoever was interrupted on
 * this one, makes an exchange fail, and then the next stack is tried. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

static __always_inline struct flow *flow_at(__u32 index)
{
	return bpf_map_lookup_elem(&flows, &index);
}

/* Flows have numbers from one on; zero is none. */
static __always_inline struct flow *flow_numbered(__u32 number)
{
	return flow_at(number - 1);
}

/* How the table is filled, a cache line for each figure. A map and not globals: what
 * comes after an upgrade goes on with it. */
struct filling {
	/* Flows that are kept in a full table. */
	__u64 kept;
	__u64 pad0[7];
	/* How many flows were ever written down in the nursery (nursery.h), and how
	 * many of them were taken out again. */
	__u64 head;
	__u64 pad1[7];
	__u64 tail;
	__u64 pad2[7];
	/* Places that were ever used: all flows are among them. */
	__u64 used;
	__u64 pad3[7];
};

/* Mapped memory begins at a page, other arrays' anywhere. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filling);
} filling SEC(".maps");

static __always_inline struct filling *filling_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&filling, &zero);
}

/* Stacks of free places, a power of two. */
#define FREE_STACKS 16
/* How often one stack is tried against others that win. */
#define MAX_STACK_TRIES 4

struct free_stack {
	/* The number of the flow on top; above it how often that has changed, so
	 * that an exchange fails though the same one is on top again. */
	__u64 top;
	__u64 pad[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FREE_STACKS);
	__type(key, __u32);
	__type(value, struct free_stack);
} free_places SEC(".maps");

/* Stacks in use less one, a power of two less one, set at load: as many as CPUs. */
volatile const __u32 stack_mask = FREE_STACKS - 1;

static __always_inline struct free_stack *free_stack(__u32 which)
{
	__u32 index = which & stack_mask & (FREE_STACKS - 1);

	return bpf_map_lookup_elem(&free_places, &index);
}

/* What the top becomes with that flow on it. */
static __always_inline __u64 stack_top(__u64 before, __u32 number)
{
	return ((before >> 32) + 1) << 32 | number;
}

/* Takes a place from a stack; zero where it is empty, or in use by others. */
static __always_inline __u32 stack_pop(struct free_stack *stack)
{
	__u64 i;

	for (i = 0; i < MAX_STACK_TRIES; i++) {
		__u64 top = READ_ONCE(stack->top);
		struct flow *flow = flow_numbered(top);

		if (!flow)
			return 0;
		if (__sync_val_compare_and_swap(
			    &stack->top, top,
			    stack_top(top, READ_ONCE(flow->place))) == top)
			return top;
	}
	return 0;
}

static __always_inline bool stack_push(struct free_stack *stack,
				       struct flow *flow, __u32 number)
{
	__u64 i;

	for (i = 0; i < MAX_STACK_TRIES; i++) {
		__u64 top = READ_ONCE(stack->top);

		WRITE_ONCE(flow->place, (__u32)top);
		if (__sync_val_compare_and_swap(&stack->top, top,
						stack_top(top, number)) == top)
			return true;
	}
	return false;
}

/* A place that was never used, zero where all were. */
static __always_inline __u32 place_unused(void)
{
	struct filling *filling = filling_get();
	__u64 index;

	if (!filling || !flow_at(READ_ONCE(filling->used)))
		return 0;
	index = __sync_fetch_and_add(&filling->used, 1);
	return flow_at(index) ? index + 1 : 0;
}

/* Takes a place for a new flow. Returns its number, zero where all are taken. */
static __always_inline __u32 place_take(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 i;

	for (i = 0; i < FREE_STACKS && i <= stack_mask; i++) {
		struct free_stack *stack = free_stack(cpu + i);
		__u32 number = stack ? stack_pop(stack) : 0;

		if (number)
			return number;
	}
	return place_unused();
}

/* The same where it is rare, once in a program. */
__noinline __u32 place_take_rare(void)
{
	return place_take();
}

/* The control of a place that is free and on no stack, since all were in use: state
 * none, no tag, all flags. The sweep gives it back. */
#define CONTROL_LOOSE 0xffffff00ULL

/* Gives a flow's place back. Nobody finds the flow any more. */
__noinline int place_give(struct flow *flow)
{
	__u32 cpu = bpf_get_smp_processor_id(), number;
	__u64 i;

	if (!flow)
		return 0;
	number = (flow->slot >> 32) + 1;
	for (i = 0; i < FREE_STACKS && i <= stack_mask; i++) {
		struct free_stack *stack = free_stack(cpu + i);

		if (stack && stack_push(stack, flow, number))
			return 0;
	}
	WRITE_ONCE(flow->control, CONTROL_LOOSE);
	return 0;
}
