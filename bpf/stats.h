/* SPDX-License-Identifier: GPL-2.0 */
/* Counters, per CPU. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"

/* The result of tracking for one packet. */
enum verdict {
	VERDICT_NEW,
	VERDICT_ESTABLISHED,
	VERDICT_RELATED,
	VERDICT_INVALID,
	VERDICT_UNTRACKED,
	NUM_VERDICTS,
};

/* Masking with it changes no verdict, and keeps an index inside struct
 * cpu_stats. */
#define VERDICT_MASK 7

/* Why a packet is invalid. */
enum invalid {
	INVALID_MALFORMED,
	INVALID_FLAGS,
	INVALID_NO_FLOW,
	INVALID_STATE,
	INVALID_WINDOW,
	INVALID_RESET,
	INVALID_ICMP,
	NUM_INVALID,
};

/* Why a packet is untracked. */
enum untracked {
	/* Its flow was not created: the table is full or busy. */
	UNTRACKED_TABLE,
	UNTRACKED_NOT_IP,
	/* Discovery of hosts and routers of the link. */
	UNTRACKED_DISCOVERY,
	/* A later fragment whose first one is unknown. */
	UNTRACKED_FRAGMENT,
	/* An ICMP error about a later fragment. */
	UNTRACKED_QUOTED_FRAGMENT,
	/* Too many IPv6 extension headers, or nested fragment headers. */
	UNTRACKED_EXTENSIONS,
	/* Too many tags or labels, or no IP after them. */
	UNTRACKED_ENCAPSULATION,
	NUM_UNTRACKED,
};

/* Why a packet was dropped although the policy lets it pass. */
enum unsent {
	UNSENT_TOO_LONG, /* longer than the MTU of the output interface */
	UNSENT_OUTPUT, /* the output interface is down, gone or refused it */
	NUM_UNSENT,
};

/* Why a flow ended. */
enum reason {
	REASON_NONE,
	REASON_RST,
	REASON_CLOSED,
	REASON_EXPIRED,
	REASON_DELETED,
	REASON_EVICTED,
	REASON_REUSED,
	REASON_RESET,
	NUM_REASONS,
};

/* The origin of an event. A packet may interrupt a request of user space on the
 * same CPU, so each has its own event counter. Counters of both use atomic
 * operations. */
enum event_lane {
	LANE_PACKET,
	LANE_REQUEST,
	NUM_LANES,
};

struct cpu_stats {
	/* A packet of an established flow touches only the first cache line. */
	__u64 bytes;
	__u64 verdict[NUM_VERDICTS];
	__u64 dropped;
	/* Checksums that were completed (checksum.h). */
	__u64 checksums;

	__u64 invalid[NUM_INVALID];
	__u64 untracked[NUM_UNTRACKED];
	__u64 bad_checksums;
	__u64 created;
	__u64 destroyed[NUM_REASONS];
	/* New flows that were not tracked: no room in the table; or none where their
	 * key leads, be it that others took it several times in a row. */
	__u64 table_full;
	__u64 table_busy;
	/* Events of each lane, and copies that did not fit into the ring buffer
	 * of a reader. */
	__u64 events[NUM_LANES];
	__u64 events_lost;
	/* Packets that gave up a transition after several lost exchanges. */
	__u64 races;
	/* Dropped packets by another reason than the policy. */
	__u64 unsent[NUM_UNSENT];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_stats);
} stats SEC(".maps");

static __always_inline struct cpu_stats *stats_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

static __always_inline void stats_unsent(struct cpu_stats *stats, enum unsent why)
{
	stats->dropped++;
	stats->unsent[why]++;
}
