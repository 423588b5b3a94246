/* SPDX-License-Identifier: GPL-2.0 */
/* Two clocks: ticks for timeouts, nanoseconds for events.
 *
 * A tick is a jiffy (1 to 10 ms). Reading it is one load. A clock that needs a
 * helper call costs a third of a table lookup. The entry points read ticks once
 * and pass them down; nanoseconds are read only when they are needed. */
#pragma once

#include "config.h"

static __always_inline __u64 clock_ticks(void)
{
	if (clock_injected)
		return config.injected_ticks;
	return bpf_jiffies64();
}

static __always_inline __u64 clock_ns(void)
{
	if (clock_injected)
		return config.injected_ns;
	return bpf_ktime_get_ns();
}
