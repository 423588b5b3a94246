/* SPDX-License-Identifier: GPL-2.0 */
/* What captures ask for (capture.h): by rules on protocol, addresses and ports user space
 * says which new flows are captured from their first packet on. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tuple.h"

#define MAX_CAPTURES 4
#define MAX_CAPTURE_RULES 16

/* What the ends of a flow must be, in either order. */
struct capture_rule {
	/* Networks, as addresses in a key. */
	__u64 addr[2][2];
	__u64 mask[2][2];
	/* Ranges of ports, in host order. */
	__u16 low[2];
	__u16 high[2];
	/* The protocol and the family, or zero. */
	__u8 proto;
	__u8 family;
	__u8 pad[6];
};

/* What user space asks of a capture, in its slot. */
struct capture {
	/* A packet takes cost_ns of a CPU's time budget, which holds burst_ns. */
	__u64 cost_ns;
	__u64 burst_ns;
	/* The most bytes of a packet. */
	__u32 snap;
	/* A new flow is marked if it fits one of so many rules. */
	__u32 num_rules;
	struct capture_rule rules[MAX_CAPTURE_RULES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CAPTURES);
	__type(key, __u32);
	__type(value, struct capture);
} capture_rules SEC(".maps");

/* Whether an end of a key fits a half of a rule. */
static __always_inline bool capture_end_fits(const struct capture_rule *rule,
					     const struct flow_key *key,
					     __u32 half, __u32 end)
{
	__u16 port = bpf_ntohs(key->port[end]);

	return (key->addr[end][0] & rule->mask[half][0]) ==
		       rule->addr[half][0] &&
	       (key->addr[end][1] & rule->mask[half][1]) ==
		       rule->addr[half][1] &&
	       port >= rule->low[half] && port <= rule->high[half];
}

/* Whether a key fits a rule. The body of a loop, so it is a function of its own. */
__noinline int capture_fits(const struct flow_key *key,
			    const struct capture_rule *rule)
{
	if (!key || !rule)
		return 0;
	if ((rule->proto && rule->proto != key->proto) ||
	    (rule->family && rule->family != key->family))
		return 0;
	return (capture_end_fits(rule, key, 0, 0) &&
		capture_end_fits(rule, key, 1, 1)) ||
	       (capture_end_fits(rule, key, 0, 1) &&
		capture_end_fits(rule, key, 1, 0));
}

/* Whether a capture wants a new flow. */
__noinline int capture_wants(const struct flow_key *key, __u32 slot)
{
	struct capture *capture = bpf_map_lookup_elem(&capture_rules, &slot);
	__u32 i;

	if (!key || !capture)
		return 0;
	for (i = 0; i < MAX_CAPTURE_RULES && i < capture->num_rules; i++)
		if (capture_fits(key, &capture->rules[i]))
			return 1;
	return 0;
}
