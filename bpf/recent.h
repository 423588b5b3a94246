/* SPDX-License-Identifier: GPL-2.0 */
/* LRU maps whose entries count for a limited time.
 *
 * The value begins with the time of the entry, in whatever unit its owner uses.
 * Nobody deletes an entry that is too old: a new one takes its place, or the
 * kernel evicts it. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Looks an entry up. Returns NULL if there is none, or if it is as old as
 * lifetime or older. Another CPU may have made it after now was read. */
static __always_inline void *recent_find(void *map, const void *key, __u64 now,
					 __u64 lifetime)
{
	__u64 *entry = bpf_map_lookup_elem(map, key);

	if (!entry || (__s64)(now - *entry) >= (__s64)lifetime)
		return NULL;
	return entry;
}
