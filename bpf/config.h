/* SPDX-License-Identifier: GPL-2.0 */
/* What user space sets: once at load, or while the programs run. */
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

/* Written by user space at any time, a field at once; programs only read. */
struct tracker_config {
	__u64 timeout_ticks[NUM_TIMEOUTS];
	/* The two interfaces. A packet that did not come in by the first came
	 * in by the second. */
	__u32 ifindex[2];
	enum policy policy;
	/* The side that a packet came in by means nothing (captures). */
	__u32 sides_unknown;
	/* Zero, or the time that an injected clock shows. */
	__u64 injected_ticks;
	__u64 injected_ns;
	/* The id of the map that packets are redirected by. */
	__u32 outputs_id;
	__u32 pad;
};

struct tracker_config config SEC(".data.config");

/* Replays and tests bring a clock of their own (config.injected_*). A load-time
 * constant, so that in production the verifier removes the branch. */
volatile const bool clock_injected;

/* The interfaces are virtual ones, whose senders may leave checksums to a
 * hardware that never comes (see checksum.h). */
volatile const bool complete_checksums;

/* The kernel passes packets of more than one buffer (Linux 5.18). */
volatile const bool multi_buffer;

/* Packets with a wrong checksum are counted (see verify.h). */
volatile const bool verify_checksums;

/* Mixed into flow ids so that those of two trackers differ. */
volatile const __u64 id_seed;
