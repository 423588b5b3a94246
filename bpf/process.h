/* SPDX-License-Identifier: GPL-2.0 */
/* The processes behind sockets. Programs at the control group's hooks (who.c) write
 * them down where a process acts on a socket; those that see packets read them
 * (who.h). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROCESS_NAME 16

struct process {
	/* When it began, in nanoseconds since boot: a pid alone is used again. */
	__u64 start_ns;
	/* The control group in the version 2 hierarchy. */
	__u64 cgroup;
	__u32 pid;
	__u32 uid;
	char name[PROCESS_NAME];
};

_Static_assert(sizeof(struct process) == 40, "process has hidden padding");

/* What is known of a process and its socket. */
enum holding {
	/* It made the socket, or bound it. A socket that was accepted inherits
	 * this from the listener. */
	HOLDING_MADE = 1 << 0,
	HOLDING_CONNECTED = 1 << 1,
	/* It sent to the address that is written down. */
	HOLDING_SENT = 1 << 2,
	/* It closed the connection. */
	HOLDING_CLOSED = 1 << 3,
	/* It had the socket among its files. */
	HOLDING_FILE = 1 << 4,
	/* So had another process. */
	HOLDING_SHARED = 1 << 5,
};

struct socket_owner {
	struct process process;
	/* Odd while it is written. */
	__u32 version;
	enum holding holding;
	/* Where the last datagram was sent. IPv4 addresses are in the first word. */
	__be32 address[4];
	__be16 port;
	__u16 pad[3];
};

_Static_assert(sizeof(struct socket_owner) == 72, "socket_owner has hidden padding");

/* It goes with the socket. An accepted socket begins with a copy of the listener's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_owner);
} sockets SEC(".maps");
