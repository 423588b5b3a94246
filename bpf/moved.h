/* SPDX-License-Identifier: GPL-2.0 */
/* Which tracker of a pair heard a flow later: whether it has moved (inherit.h). */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "config.h"
#include "flow.h"
#include "inherit_args.h"
#include "timeout.h"

/* How long the partner has not heard the flow. */
static __always_inline __u64 inherit_idle(const struct inherit_args *args)
{
	__u64 idle = args->dir[ORIGIN].idle_ticks;

	if (args->dir[REPLY].packets && args->dir[REPLY].idle_ticks < idle)
		idle = args->dir[REPLY].idle_ticks;
	return idle;
}

/* How much sooner a flow has moved whose two directions the partner hears: as a part of
 * the margin. */
#define MOVED_SOONER 8

/* Whether both directions of a connection were heard there by so much later than here. */
static __always_inline bool inherit_later(const struct inherit_args *args,
					  const struct flow *flow, __u64 now)
{
	__u64 margin = args->margin_ticks / MOVED_SOONER;

	return flow->key.proto == IPPROTO_TCP && flow_seen_both(args->control) &&
	       args->dir[ORIGIN].idle_ticks + margin <
		       ticks_since(flow->origin.last_seen_ticks, now) &&
	       args->dir[REPLY].idle_ticks + margin <
		       ticks_since(flow->reply.last_seen_ticks, now);
}

/* Whether both were heard here later. The partner thinks that the flow is its own. */
static __always_inline bool inherit_earlier(const struct inherit_args *args,
					    const struct flow *flow,
					    __u64 control, __u64 now)
{
	__u64 margin = args->margin_ticks / MOVED_SOONER;

	return flow->key.proto == IPPROTO_TCP && flow_seen_both(args->control) &&
	       flow_seen_both(control) &&
	       ticks_since(flow->origin.last_seen_ticks, now) + margin <
		       args->dir[ORIGIN].idle_ticks &&
	       ticks_since(flow->reply.last_seen_ticks, now) + margin <
		       args->dir[REPLY].idle_ticks;
}

/* Whether a direction may have gone on by the partner, which has not told yet: it was
 * silent here for a moment, and not for longer than that takes. */
__noinline int may_have_moved(const struct flow *flow, __u32 d)
{
	__u64 idle;

	if (!flow)
		return 0;
	idle = ticks_since(flow_traffic(flow, d)->last_seen_ticks,
			   clock_ticks());
	return idle && idle <= partner_tells_within();
}
