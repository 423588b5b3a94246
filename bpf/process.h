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

enum owner_status {
	OWNER_NONE,
	/* It is being written. */
	OWNER_BUSY,
	/* The process listens for the flow; who accepted it is not known. */
	OWNER_LISTENER,
	OWNER_SURE,
};

#define OWNER_STATUS 0xffULL
/* The process is the reply's sender, else the origin's. */
#define OWNER_REPLY (1ULL << 8)

struct owner {
	/* Bits 0 to 7 the status, above it the flag, 32 to 63 the flow's tag: what
	 * was written for a flow is nothing for the next one at its place. */
	__u64 control;
	struct process process;
};

_Static_assert(sizeof(struct owner) == 48, "owner has hidden padding");

/* Owners by the place of their flow. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner);
} owners SEC(".maps");

/* Writes an owner. If another CPU writes it at the same time, one of them does not. */
static __always_inline void owner_write(struct owner *owner, __u32 flow_tag,
					const struct process *process, __u64 flags)
{
	__u64 tag = (__u64)flow_tag << 32;
	__u64 was = *(volatile __u64 *)&owner->control;

	if (was == (tag | OWNER_BUSY) ||
	    __sync_val_compare_and_swap(&owner->control, was,
					tag | OWNER_BUSY) != was)
		return;
	owner->process = *process;
	__sync_val_compare_and_swap(&owner->control, tag | OWNER_BUSY,
				    tag | flags);
}
