// SPDX-License-Identifier: GPL-2.0
//go:build ignore

/* The programs that write down which process has which socket. They see every process
 * of a control group and change nothing: what they return lets everything pass. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "kernel.h"
#include "process.h"

#define AF_INET 2
#define AF_INET6 10

#define SOCK_STREAM 1

#define PF_KTHREAD 0x00200000

struct bpf_iter__task_file {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct task_struct *, task);
	__u32 fd;
	__bpf_md_ptr(struct file *, file);
};

#define PASS 1

/* Writes a task's process down. Threads go by the name of their process. The kernel
 * permits to read pointers of its own types at once: a helper for each takes ten times as
 * long. */
static __always_inline void process_of(struct process *process,
				       struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	process->start_ns = leader->start_boottime;
	process->pid = leader->tgid;
	process->uid = leader->cred->uid.val;
	process->cgroup = leader->cgroups->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(process->name, sizeof(process->name),
			      leader->comm);
}

static __always_inline bool is_of(const struct socket_owner *owner,
				  struct task_struct *task)
{
	return owner->process.pid == (__u32)task->tgid &&
	       owner->process.start_ns == task->group_leader->start_boottime;
}

/* Begins to write. It does not where another CPU writes. */
static __always_inline bool owner_open(struct socket_owner *owner)
{
	__u32 version = *(volatile __u32 *)&owner->version;

	return !(version & 1) &&
	       __sync_val_compare_and_swap(&owner->version, version,
					   version + 1) == version;
}

static __always_inline void owner_close(struct socket_owner *owner)
{
	__sync_fetch_and_add(&owner->version, 1);
}

/* The running process, if it is one of user space. */
static __always_inline struct task_struct *running(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->flags & PF_KTHREAD ? NULL : task;
}

/* A process makes a socket, or binds it. */
static __always_inline int made(struct bpf_sock *sk)
{
	struct task_struct *task = running();
	struct socket_owner *owner;

	if (!task)
		return PASS;
	owner = bpf_sk_storage_get(&sockets, sk, 0,
				   BPF_SK_STORAGE_GET_F_CREATE);
	if (owner && owner_open(owner)) {
		process_of(&owner->process, task);
		owner->holding = HOLDING_MADE;
		owner_close(owner);
	}
	return PASS;
}

/* Sockets of TCP are written down when they are bound or connected. */
SEC("cgroup/sock_create")
int who_create(struct bpf_sock *sk)
{
	if (sk->family != AF_INET && sk->family != AF_INET6)
		return PASS;
	if (sk->type == SOCK_STREAM && sk->protocol == IPPROTO_TCP)
		return PASS;
	return made(sk);
}

SEC("cgroup/post_bind4")
int who_bind4(struct bpf_sock *sk)
{
	return made(sk);
}

SEC("cgroup/post_bind6")
int who_bind6(struct bpf_sock *sk)
{
	return made(sk);
}

static __always_inline int connects(struct bpf_sock_addr *ctx)
{
	struct task_struct *task = running();
	struct socket_owner *owner;

	if (!task || !ctx->sk)
		return PASS;
	owner = bpf_sk_storage_get(&sockets, ctx->sk, 0,
				   BPF_SK_STORAGE_GET_F_CREATE);
	if (owner && owner_open(owner)) {
		process_of(&owner->process, task);
		owner->holding = HOLDING_CONNECTED;
		owner_close(owner);
	}
	return PASS;
}

SEC("cgroup/connect4")
int who_connect4(struct bpf_sock_addr *ctx)
{
	return connects(ctx);
}

SEC("cgroup/connect6")
int who_connect6(struct bpf_sock_addr *ctx)
{
	return connects(ctx);
}

/* A process sends a datagram by a socket without a remote end. */
static __always_inline int sends(struct bpf_sock_addr *ctx, const __be32 *address)
{
	struct task_struct *task = running();
	struct socket_owner *owner;
	__be16 port = ctx->user_port;

	if (!task || !ctx->sk)
		return PASS;
	owner = bpf_sk_storage_get(&sockets, ctx->sk, 0,
				   BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner || !owner_open(owner))
		return PASS;
	if (!is_of(owner, task))
		process_of(&owner->process, task);
	owner->holding |= HOLDING_SENT;
	owner->port = port;
	owner->address[0] = address[0];
	owner->address[1] = address[1];
	owner->address[2] = address[2];
	owner->address[3] = address[3];
	owner_close(owner);
	return PASS;
}

SEC("cgroup/sendmsg4")
int who_send4(struct bpf_sock_addr *ctx)
{
	__be32 address[4] = { ctx->user_ip4 };

	return sends(ctx, address);
}

SEC("cgroup/sendmsg6")
int who_send6(struct bpf_sock_addr *ctx)
{
	__be32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1],
			      ctx->user_ip6[2], ctx->user_ip6[3] };

	return sends(ctx, address);
}

/* The name of the tracker's own process, and which bytes of it count: up to its end. Both
 * are constants from load time. */
volatile const __u64 own_name[PROCESS_NAME / 8];
volatile const __u64 own_name_mask[PROCESS_NAME / 8];

/* Whether a process has the name of the tracker. One that lists open files has each for a
 * moment: where the file is closed meanwhile, it closes the connection in place of the
 * process whose file it was. */
static __always_inline bool is_tracker(const struct task_struct *task)
{
	__u64 name[PROCESS_NAME / 8] = {};

	bpf_probe_read_kernel(name, sizeof(name), task->group_leader->comm);
	return !((name[0] ^ own_name[0]) & own_name_mask[0]) &&
	       !((name[1] ^ own_name[1]) & own_name_mask[1]);
}

#define SHUT_BOTH 3

/* Whether a process closes a connection, or shuts its own direction: that is done by
 * who has it, not by who accepted it or opened the listener. With unread data, or without
 * lingering, that ends the connection at once, which a RST or SOCK_DESTROY would do, too:
 * a close has the socket locked by its process, and shut before. */
static __always_inline bool is_closing(const struct sock *sk, int from, int to)
{
	if (from == BPF_TCP_ESTABLISHED && to == BPF_TCP_FIN_WAIT1)
		return true;
	if (from == BPF_TCP_CLOSE_WAIT && to == BPF_TCP_LAST_ACK)
		return true;
	return (from == BPF_TCP_ESTABLISHED || from == BPF_TCP_CLOSE_WAIT) &&
	       to == BPF_TCP_CLOSE && sk->sk_lock.owned &&
	       sk->sk_shutdown == SHUT_BOTH;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(who_close, struct sock *sk, int from, int to)
{
	struct task_struct *task;
	struct socket_owner *owner;

	if (!is_closing(sk, from, to))
		return 0;
	task = running();
	owner = task ? bpf_sk_storage_get(&sockets, sk, 0, 0) : NULL;
	if (!owner || owner->holding & HOLDING_CONNECTED ||
	    (!is_of(owner, task) && is_tracker(task)) || !owner_open(owner))
		return 0;
	process_of(&owner->process, task);
	owner->holding = HOLDING_CLOSED;
	owner_close(owner);
	return 0;
}

/* A socket among the files of a process, for user space. */
struct held_socket {
	struct process process;
	/* Tells apart sockets that several processes have. */
	__u64 socket;
	__be32 local[4];
	__be32 remote[4];
	__be16 remote_port;
	__u16 local_port;
	__u32 netns;
	__u16 family;
	__u8 protocol;
	__u8 state;
	__u32 fd;
};

_Static_assert(sizeof(struct held_socket) == 96, "held_socket has hidden padding");

static __always_inline void held_fill(struct held_socket *held,
				      const struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;

	held->socket = (__u64)sk;
	held->family = common->skc_family;
	held->protocol = sk->sk_protocol;
	held->state = common->skc_state;
	held->netns = common->skc_net.net->ns.inum;
	held->local_port = common->skc_num;
	held->remote_port = common->skc_dport;
	if (held->family == AF_INET) {
		held->local[0] = common->skc_rcv_saddr;
		held->remote[0] = common->skc_daddr;
		return;
	}
	bpf_probe_read_kernel(held->local, sizeof(held->local),
			      &common->skc_v6_rcv_saddr);
	bpf_probe_read_kernel(held->remote, sizeof(held->remote),
			      &common->skc_v6_daddr);
}

/* Writes down who has a socket that is older than these programs. A listener's would
 * be inherited by what it accepts. */
static __always_inline void held_write(const struct held_socket *held,
				       struct sock *sk)
{
	bool listens = held->state == BPF_TCP_LISTEN;
	struct socket_owner *owner;

	owner = bpf_sk_storage_get(&sockets, sk, 0,
				   BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner || !owner_open(owner))
		return;
	if (!owner->process.pid) {
		owner->process = held->process;
		owner->holding = listens ? HOLDING_MADE : HOLDING_FILE;
	} else if (!listens && owner->process.pid != held->process.pid) {
		owner->holding |= HOLDING_SHARED;
	}
	owner_close(owner);
}

SEC("iter/task_file")
int who_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct held_socket held = {};
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	process_of(&held.process, task);
	held_fill(&held, sk);
	held.fd = ctx->fd;
	held_write(&held, sk);
	bpf_seq_write(ctx->meta->seq, &held, sizeof(held));
	return 0;
}

struct own_args {
	struct process process;
	__u64 flags;
	__u32 place;
	__u32 tag;
};

/* User space says whose a flow is: it has looked who has the socket now. */
SEC("syscall")
int who_own(struct own_args *args)
{
	__u32 place = args->place;
	struct owner *owner = bpf_map_lookup_elem(&owners, &place);
	struct process process = args->process;

	if (owner)
		owner_write(owner, args->tag, &process, args->flags);
	return 0;
}

/* Types that no map or argument has: here the generator finds them. */
struct shared_types {
	struct held_socket held;
	struct own_args own;
};

const struct shared_types *shared_types __attribute__((unused));

char _license[] SEC("license") = "GPL";
