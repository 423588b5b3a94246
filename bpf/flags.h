/* SPDX-License-Identifier: GPL-2.0 */
/* The flags in a flow's control word that exist once per direction (enum
 * flow_flag). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>

#include "flow.h"

/* Returns a direction's bit of a flag. */
static __always_inline __u64 flag_of(enum flow_flag flag, __u32 direction)
{
	return (__u64)flag << (direction & 1);
}

/* Returns the bits of both directions. */
static __always_inline __u64 flags_of(enum flow_flag flag)
{
	return flag_of(flag, ORIGIN) | flag_of(flag, REPLY);
}

static __always_inline bool has_flag(__u64 control, enum flow_flag flag,
				     __u32 direction)
{
	return control & flag_of(flag, direction);
}
