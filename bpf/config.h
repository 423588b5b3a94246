/* SPDX-License-Identifier: GPL-2.0 */
/* Settings of user space: constants from load time, and those that may
 * change. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum policy {
	POLICY_OBSERVE,
	POLICY_ENFORCE,
};

enum timeout {
	TIMEOUT_TCP_SYN_SENT,
	TIMEOUT_TCP_SYN_RECV,
	TIMEOUT_TCP_ESTABLISHED,
	TIMEOUT_TCP_FIN_WAIT,
	TIMEOUT_TCP_LAST_ACK,
	TIMEOUT_TCP_TIME_WAIT,
	TIMEOUT_TCP_UNACKNOWLEDGED,
	TIMEOUT_UDP_UNIDIRECTIONAL,
	TIMEOUT_UDP_BIDIRECTIONAL,
	TIMEOUT_ICMP,
	TIMEOUT_OTHER,
	NUM_TIMEOUTS,
};

/* One end of a wire. */
struct point {
	/* The interface that packets come in by. */
	__u32 ifindex;
	/* The interface that they leave by. XDP has the outputs map instead. */
	__u32 to;
};

/* User space writes each field at once, at any time. Programs only read. */
struct tracker_config {
	__u64 timeout_ticks[NUM_TIMEOUTS];
	/* The two sides of the wire. A packet that came in by neither counts for
	 * the second. */
	struct point points[2];
	enum policy policy;
	/* The sides of packets are unknown (replay of a capture). */
	__u32 sides_unknown;
	/* The time, if clock_injected is set. */
	__u64 injected_ticks;
	__u64 injected_ns;
	/* The id of the outputs map. */
	__u32 outputs_id;
	/* There is a partner, by which flows may have begun or gone on that it could not
	 * tell of yet (inherit.h): within so many ticks it does, and PAIRED_LIVES while it
	 * is heard. */
	__u32 paired;
};

#define PAIRED_LIVES (1U << 31)

struct tracker_config config SEC(".data.config");

/* Whether a flow may go on whose beginning was not seen. */
static __always_inline bool picks_up(void)
{
	return config.policy == POLICY_OBSERVE || config.paired;
}

/* Within how many ticks the partner tells of a flow that moved to it. */
static __always_inline __u32 partner_tells_within(void)
{
	return config.paired & ~PAIRED_LIVES;
}

/* Replays and tests set the clock (config.injected_*). In production the
 * verifier removes the branch, since this is a load-time constant. */
volatile const bool clock_injected;

/* The interfaces are virtual, so senders may leave checksums to hardware that
 * does not exist (see checksum.h). */
volatile const bool complete_checksums;

/* XDP packets may have more than one buffer (Linux 5.18). */
volatile const bool multi_buffer;

/* Checksums are verified, and wrong ones counted (see verify.h). */
volatile const bool verify_checksums;

/* A random number, so that the flow ids of two trackers differ. */
volatile const __u64 id_seed;
