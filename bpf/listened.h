/* SPDX-License-Identifier: GPL-2.0 */
/* A count for user space of connections that somebody listens for. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* How often a flow was given to one who only listens for it: user space looks soon who
 * accepted it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} listened SEC(".maps");

static __always_inline void listened_count(void)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&listened, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
}
