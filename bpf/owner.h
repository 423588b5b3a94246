/* SPDX-License-Identifier: GPL-2.0 */
/* The process behind a flow, where it is known. Flows have no room for it, so it lies
 * in an array beside theirs, at the same place. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "process.h"

/* Processes are looked for: a constant from load time. */
volatile const bool naming;

/* Whom the packet belongs to that is tracked on this CPU, for the event of the flow
 * that it begins. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner);
} pending_owner SEC(".maps");

static __always_inline struct owner *pending_owner_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&pending_owner, &zero);
}

static __always_inline struct owner *owner_of(const struct flow *flow)
{
	__u32 index = flow->slot >> 32;

	return bpf_map_lookup_elem(&owners, &index);
}

/* What is known of a flow's owner. */
static __always_inline enum owner_status owner_status(const struct flow *flow,
						      __u64 control)
{
	const struct owner *owner = owner_of(flow);
	__u64 own;

	if (!owner)
		return OWNER_NONE;
	own = READ_ONCE(owner->control);
	if (control_tag(own) != control_tag(control))
		return OWNER_NONE;
	return own & OWNER_STATUS;
}

/* Writes a flow's owner. control is the flow's, flags are the owner's status and
 * flag. */
static __always_inline void owner_set(const struct flow *flow, __u64 control,
				      const struct process *process, __u64 flags)
{
	struct owner *owner = owner_of(flow);

	if (owner)
		owner_write(owner, control_tag(control), process, flags);
}

/* Copies a flow's owner for an event. Without one, or where it is just being written,
 * the copy's control is zero. */
static __always_inline void owner_copy(struct owner *to, const struct flow *flow,
				       __u32 tag)
{
	const struct owner *owner;
	__u64 before;

	__builtin_memset(to, 0, sizeof(*to));
	owner = naming ? owner_of(flow) : NULL;
	if (!owner)
		return;
	before = READ_ONCE(owner->control);
	if (control_tag(before) != tag ||
	    (before & OWNER_STATUS) <= OWNER_BUSY)
		return;
	to->process = owner->process;
	/* An exchange of nothing: what was copied was copied before it. */
	if (__sync_val_compare_and_swap((__u64 *)&owner->control, before,
					before) == before)
		to->control = before;
}
