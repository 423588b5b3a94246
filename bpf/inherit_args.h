/* SPDX-License-Identifier: GPL-2.0 */
/* What user space tells of a partner's flow, and what becomes of it (inherit.h). */
#pragma once

#include <linux/bpf.h>

#include "flow.h"
#include "stats.h"

enum inherit_step {
	/* What this table has of a key. */
	INHERIT_READ,
	/* The partner has this flow. */
	INHERIT_ENTER,
	/* The partner's flow has ended. */
	INHERIT_END,
	/* The partner has lost the flow: it is this tracker's own now. */
	INHERIT_OWN,
};

enum inherit_result {
	/* There is no such flow. */
	INHERIT_NONE,
	INHERIT_DONE,
	/* The flow is this tracker's own. */
	INHERIT_IS_OWN,
	/* The flow of the key has another id, and stays. */
	INHERIT_OTHER,
	/* There is no room. */
	INHERIT_FULL,
	/* Packets were faster. */
	INHERIT_BUSY,
	/* No tracker has such a flow. */
	INHERIT_REFUSED,
	/* The flow is this tracker's own, and was heard here later. */
	INHERIT_IS_BACK,
};

struct inherit_dir {
	__u64 packets;
	__u64 bytes;
	__u64 idle_ticks;
	struct flow_dir numbers;
	__u32 rtt_us;
	__u16 retransmits;
	__u16 reordered;
};

/* Times are durations: the clocks of two machines have nothing in common. */
struct inherit_args {
	struct flow_key key;
	__u64 id;
	__u64 age_ns;
	struct inherit_dir dir[2];
	/* State and flags. */
	__u32 control;
	__u32 timeout_ticks;
	enum inherit_step step;
	enum inherit_result result;
	/* For INHERIT_END. */
	enum reason reason;
	/* By how much the partner must have heard a flow later than this tracker. */
	__u32 margin_ticks;
};

_Static_assert(sizeof(struct inherit_dir) == 64, "inherit_dir has hidden padding");

/* The id. The verifier permits no pointer to a field of the arguments, which the compiler
 * makes where several places read one. */
static __always_inline __u64 inherit_id(const struct inherit_args *args)
{
	asm volatile("" : "+r"(args));
	return args->id;
}
