/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs count, on every CPU for itself. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"

/* What tracking concluded about one packet. */
enum verdict {
	VERDICT_NEW,
	VERDICT_ESTABLISHED,
	VERDICT_RELATED,
	VERDICT_INVALID,
	VERDICT_UNTRACKED,
	NUM_VERDICTS,
};

/* More than any verdict, and less than struct cpu_stats has room for. */
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
	/* Its flow found no room in the table, or another packet in its way. */
	UNTRACKED_TABLE,
	UNTRACKED_NOT_IP,
	/* Hosts and routers of a link find each other by it. */
	UNTRACKED_DISCOVERY,
	/* A later fragment whose first one is not known. */
	UNTRACKED_FRAGMENT,
	/* An ICMP error about a later fragment. */
	UNTRACKED_QUOTED_FRAGMENT,
	/* More IPv6 extension headers than are looked through. */
	UNTRACKED_EXTENSIONS,
	/* More tags or labels than are looked through, or something else than IP
	 * in them. */
	UNTRACKED_ENCAPSULATION,
	NUM_UNTRACKED,
};

/* Why a packet that was to be forwarded was not. */
enum unsent {
	UNSENT_TOO_LONG, /* longer than the MTU of the way out */
	UNSENT_OUTPUT,	 /* the way out is down, gone or does not take it */
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
	NUM_REASONS,
};

/* Who makes an event. A packet interrupts a request of user space on the same
 * CPU, so each has a count of its own, and what both count is counted by atomic
 * operations. */
enum event_lane {
	LANE_PACKET,
	LANE_REQUEST,
	NUM_LANES,
};

struct cpu_stats {
	/* The first cache line is all that an established packet touches. */
	__u64 bytes;
	__u64 verdict[NUM_VERDICTS];
	__u64 dropped;
	/* Checksums completed for senders that left them to hardware. */
	__u64 checksums;

	__u64 invalid[NUM_INVALID];
	__u64 untracked[NUM_UNTRACKED];
	__u64 bad_checksums;
	__u64 created;
	__u64 destroyed[NUM_REASONS];
	/* New flows that were not tracked: no room, or a bucket in use twice in
	 * a row. */
	__u64 table_full;
	__u64 table_busy;
	/* Events made in each lane, and copies of them that found no room in a
	 * reader's ring buffer. */
	__u64 events[NUM_LANES];
	__u64 events_lost;
	/* Packets that gave up a transition because others kept winning. */
	__u64 races;
	/* Those of the dropped packets that no policy dropped. */
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
