/* SPDX-License-Identifier: GPL-2.0 */
/* Finds out whether a socket of this machine is an end of a flow. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flags.h"
#include "flow.h"
#include "tcp_window.h"
#include "walk.h"

/* What of the flow is compared with the socket, of the socket's direction. */
struct reset_numbers {
	__u32 end;
	__u32 acked;
};

static __always_inline void reset_read(struct reset_numbers *n,
				       const struct flow_dir *dir)
{
	n->end = READ_ONCE(dir->end);
	n->acked = READ_ONCE(dir->acked);
}

/* Reports whether the numbers of a socket are those of the flow. They change all the
 * time, so those of the flow are read before and after: what passed before the socket
 * was read is not beyond its numbers, and its numbers are not beyond what has passed
 * after. One less: a keepalive repeats the last number. */
static __always_inline bool
reset_numbers_fit(__u64 control, __u32 d, const struct bpf_tcp_sock *tcp,
		  const struct reset_numbers *before, const struct flow *flow)
{
	__u32 una = tcp->snd_una, next = tcp->snd_nxt, received = tcp->rcv_nxt;
	__u32 own = masked(d, 1), theirs = masked(d ^ 1, 1);

	asm volatile("" ::: "memory");
	if (has_flag(control, FLOW_SEEN, own) &&
	    (seq_after(before->end, next) ||
	     seq_before(READ_ONCE(flow->dir[own].end), una - 1)))
		return false;
	if (has_flag(control, FLOW_SEEN, theirs) &&
	    seq_after(received, READ_ONCE(flow->dir[theirs].end)))
		return false;
	return !has_flag(control, FLOW_SEEN, own) || !before->acked ||
	       !seq_after(before->acked, received);
}

/* Reports whether the socket under the tuple of an end of the flow is that end. */
__noinline int reset_is_socket(struct __sk_buff *skb, const struct flow *flow,
			       __u32 end)
{
	struct bpf_sock_tuple tuple = {};
	struct reset_numbers before;
	__u32 size = sizeof(tuple.ipv4), d, other;
	struct bpf_tcp_sock *tcp;
	struct bpf_sock *sk;
	__u64 control;
	int fits = 0;

	if (!flow)
		return 0;
	control = READ_ONCE(flow->control);
	end = masked(end, 1);
	other = masked(end ^ 1, 1);
	d = masked(!!(control & FLOW_REVERSED) ^ end, 1);
	reset_read(&before, &flow->dir[d]);
	/* As a packet to the socket has it. */
	if (flow->key.family == 4) {
		tuple.ipv4.saddr = flow->key.addr[other][1] >> 32;
		tuple.ipv4.daddr = flow->key.addr[end][1] >> 32;
		tuple.ipv4.sport = flow->key.port[other];
		tuple.ipv4.dport = flow->key.port[end];
	} else {
		size = sizeof(tuple.ipv6);
		__builtin_memcpy(tuple.ipv6.saddr, flow->key.addr[other],
				 sizeof(tuple.ipv6.saddr));
		__builtin_memcpy(tuple.ipv6.daddr, flow->key.addr[end],
				 sizeof(tuple.ipv6.daddr));
		tuple.ipv6.sport = flow->key.port[other];
		tuple.ipv6.dport = flow->key.port[end];
	}
	sk = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	tcp = bpf_tcp_sock(sk);
	if (tcp)
		fits = reset_numbers_fit(control, d, tcp, &before, flow);
	bpf_sk_release(sk);
	return fits;
}
