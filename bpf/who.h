/* SPDX-License-Identifier: GPL-2.0 */
/* From a packet to the process behind its flow, by the socket.
 *
 * A socket is believed only if its own tuple is the packet's: a tunnel's packet still
 * has the socket of the program inside, what is translated for a container goes to a
 * port at which the machine itself may listen, and a RST has a socket of nobody.
 * Where that leaves a doubt there is no name.
 *
 * It is looked for where a flow begins or changes its state. Packets of the fast path
 * know nothing of it. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "listened.h"
#include "owner.h"
#include "packet.h"
#include "process.h"
#include "table.h"
#include "watch.h"

#define SOCKET_RAW 3

/* How a socket's own tuple is the packet's. */
enum fit {
	FIT_NONE,
	/* Its local end is, and it has no remote end. */
	FIT_BOUND,
	FIT_EXACT,
};

/* The end of the key that sends the packet. */
static __always_inline __u32 packet_source(const struct packet *pkt)
{
	return pkt->reversed & 1;
}

static __always_inline __be32 key_ipv4(const struct flow_key *key, __u32 end)
{
	return key->addr[end & 1][1] >> 32;
}

static __always_inline bool key_is_ipv6(const struct flow_key *key, __u32 end,
					__u64 high, __u64 low)
{
	return key->addr[end & 1][0] == high && key->addr[end & 1][1] == low;
}

#define WORDS(first, second) ((__u64)(second) << 32 | (first))

static __always_inline enum fit fit_ipv4(struct bpf_sock *sk,
					 const struct flow_key *key, __u32 local)
{
	if (sk->dst_port) {
		if (sk->src_ip4 == key_ipv4(key, local) &&
		    sk->dst_ip4 == key_ipv4(key, !local))
			return FIT_EXACT;
		return FIT_NONE;
	}
	if (!sk->src_ip4 || sk->src_ip4 == key_ipv4(key, local))
		return FIT_BOUND;
	return FIT_NONE;
}

static __always_inline enum fit fit_ipv6(struct bpf_sock *sk,
					 const struct flow_key *key, __u32 local)
{
	__u64 high = WORDS(sk->src_ip6[0], sk->src_ip6[1]);
	__u64 low = WORDS(sk->src_ip6[2], sk->src_ip6[3]);
	bool own = key_is_ipv6(key, local, high, low);

	if (!sk->dst_port)
		return own || !(high | low) ? FIT_BOUND : FIT_NONE;
	high = WORDS(sk->dst_ip6[0], sk->dst_ip6[1]);
	low = WORDS(sk->dst_ip6[2], sk->dst_ip6[3]);
	return own && key_is_ipv6(key, !local, high, low) ? FIT_EXACT :
							    FIT_NONE;
}

/* How a socket fits a packet whose end local is the socket's. */
static __always_inline enum fit socket_fit(struct bpf_sock *sk,
					   const struct flow_key *key,
					   __u32 local)
{
	/* A socket that ends its connection by a RST has given its port back before. */
	bool ended = sk->state == BPF_TCP_CLOSE && !sk->src_port;

	if (sk->src_port != bpf_ntohs(key->port[local & 1]) && !ended)
		return FIT_NONE;
	if (sk->dst_port ? sk->dst_port != key->port[!local] : ended)
		return FIT_NONE;
	return key->family == 4 ? fit_ipv4(sk, key, local) :
				  fit_ipv6(sk, key, local);
}

/* Whether a socket's last datagram went to the packet's remote end. */
static __always_inline bool sent_there(const struct socket_owner *owner,
				       const struct flow_key *key, __u32 local)
{
	if (!(owner->holding & HOLDING_SENT) ||
	    owner->port != key->port[!local])
		return false;
	if (key->family == 4)
		return owner->address[0] == key_ipv4(key, !local);
	return key_is_ipv6(key, !local,
			   WORDS(owner->address[0], owner->address[1]),
			   WORDS(owner->address[2], owner->address[3]));
}

/* Whether it is certain that the process has the connection. */
static __always_inline bool holds_connection(const struct socket_owner *owner)
{
	__u32 holding = owner->holding;

	return holding & (HOLDING_CONNECTED | HOLDING_CLOSED) ||
	       (holding & (HOLDING_FILE | HOLDING_SHARED)) == HOLDING_FILE;
}

/* Notes an owner for the packet. What is written at the same time is not noted. */
static __always_inline void who_note(struct owner *found,
				     struct socket_owner *owner,
				     enum owner_status status, bool sends)
{
	__u32 version = __sync_fetch_and_add(&owner->version, 0);

	if (version & 1)
		return;
	found->process = owner->process;
	if (__sync_fetch_and_add(&owner->version, 0) != version ||
	    !found->process.pid)
		return;
	/* Whether it is the origin's or the reply's is seen with the flow. */
	found->control = status | (sends ? 0 : OWNER_REPLY);
}

/* A socket of TCP. One of a handshake has no storage: its listener is asked. */
static __always_inline void who_tcp(struct bpf_sock *sk, struct owner *found,
				    const struct flow_key *key, __u32 local,
				    bool sends)
{
	enum owner_status status = OWNER_LISTENER;
	struct socket_owner *owner;
	struct bpf_sock *full;

	if (socket_fit(sk, key, local) != FIT_EXACT)
		return;
	if (sk->state == BPF_TCP_NEW_SYN_RECV)
		full = bpf_get_listener_sock(sk);
	else
		full = bpf_sk_fullsock(sk);
	if (!full)
		return;
	owner = bpf_sk_storage_get(&sockets, full, 0, 0);
	if (!owner)
		return;
	if (sk->state != BPF_TCP_NEW_SYN_RECV && holds_connection(owner))
		status = OWNER_SURE;
	who_note(found, owner, status, sends);
}

/* A socket of UDP. Without a remote end it may be that of another packet, unless it
 * just sent one there. */
static __always_inline void who_udp(struct bpf_sock *sk, struct owner *found,
				    const struct flow_key *key, __u32 local,
				    bool sends)
{
	enum fit fit = socket_fit(sk, key, local);
	struct socket_owner *owner;
	struct bpf_sock *full;

	if (fit == FIT_NONE)
		return;
	full = bpf_sk_fullsock(sk);
	if (!full || full->protocol != IPPROTO_UDP)
		return;
	owner = bpf_sk_storage_get(&sockets, full, 0, 0);
	if (!owner)
		return;
	if (fit == FIT_EXACT ? holds_connection(owner) :
			       sends && sent_there(owner, key, local))
		who_note(found, owner, OWNER_SURE, sends);
}

/* A socket that sends echo requests. A raw one has no tuple. */
static __always_inline void who_echo(struct bpf_sock *sk, struct owner *found,
				     const struct packet *pkt)
{
	struct bpf_sock *full = bpf_sk_fullsock(sk);
	struct socket_owner *owner;

	if (pkt->icmp_answer || !full || full->protocol != pkt->key.proto)
		return;
	if (full->type != SOCKET_RAW &&
	    full->src_port != bpf_ntohs(pkt->key.port[0]))
		return;
	owner = bpf_sk_storage_get(&sockets, full, 0, 0);
	if (owner)
		who_note(found, owner, OWNER_SURE, true);
}

/* The socket that the machine sends the packet from, if it has one. */
static __always_inline void who_sends(struct __sk_buff *skb,
				      const struct packet *pkt,
				      struct owner *found)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	if (pkt->key.proto == IPPROTO_TCP)
		who_tcp(sk, found, &pkt->key, packet_source(pkt), true);
	else if (pkt->key.proto == IPPROTO_UDP)
		who_udp(sk, found, &pkt->key, packet_source(pkt), true);
	else if (pkt->key.icmp_type)
		who_echo(sk, found, pkt);
}

/* The packet's tuple as a socket at the end local receives it. Returns its size. */
static __always_inline __u32 socket_tuple(struct bpf_sock_tuple *tuple,
					  const struct flow_key *key, __u32 local)
{
	if (key->family == 4) {
		tuple->ipv4.saddr = key_ipv4(key, !local);
		tuple->ipv4.daddr = key_ipv4(key, local);
		tuple->ipv4.sport = key->port[!local];
		tuple->ipv4.dport = key->port[local & 1];
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, key->addr[!local],
			 sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, key->addr[local & 1],
			 sizeof(tuple->ipv6.daddr));
	tuple->ipv6.sport = key->port[!local];
	tuple->ipv6.dport = key->port[local & 1];
	return sizeof(tuple->ipv6);
}

/* Looks the socket of one end up, in a network namespace: the sender's, or that of the
 * receiver. */
__noinline int who_look_up(struct __sk_buff *skb, struct packet *pkt, __s32 netns,
			   __u32 sends)
{
	struct owner *found = pending_owner_get();
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	__u32 local, size;

	if (!pkt || !found)
		return 0;
	local = sends ? packet_source(pkt) : !packet_source(pkt);
	size = socket_tuple(&tuple, &pkt->key, local);
	/* The verifier wants to know the size where it is used. */
	if (pkt->key.proto == IPPROTO_TCP) {
		if (size == sizeof(tuple.ipv4))
			sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4),
						netns, 0);
		else
			sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6),
						netns, 0);
		if (!sk)
			return 0;
		who_tcp(sk, found, &pkt->key, local, sends);
		bpf_sk_release(sk);
	} else if (pkt->key.proto == IPPROTO_UDP) {
		if (size == sizeof(tuple.ipv4))
			sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4),
					       netns, 0);
		else
			sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6),
					       netns, 0);
		if (!sk)
			return 0;
		who_udp(sk, found, &pkt->key, local, sends);
		bpf_sk_release(sk);
	}
	return 0;
}

/* Whether a packet opens a connection. The socket that it goes to listens: that is
 * nobody yet. */
static __always_inline bool who_opens(const struct packet *pkt)
{
	return pkt->key.proto == IPPROTO_TCP &&
	       (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Finds out whom a packet belongs to: to a process of this machine, or to one in the
 * network namespace at the other end of a veth. It is found by its own end, the
 * sender's where both are of this machine. */
__noinline int who_find(struct __sk_buff *skb, struct packet *pkt,
			const struct watched *w, __u32 side)
{
	struct owner *found = pending_owner_get();

	if (!pkt || !w || !found)
		return 0;
	found->control = 0;
	if (side == WATCH_OUT)
		who_sends(skb, pkt, found);
	else if (w->one_side)
		who_look_up(skb, pkt, BPF_F_CURRENT_NETNS, true);
	if (!found->control && side == WATCH_IN && !who_opens(pkt))
		who_look_up(skb, pkt, BPF_F_CURRENT_NETNS, false);
	if (!found->control && w->peer_netns >= 0 &&
	    !(side == WATCH_OUT && who_opens(pkt)))
		who_look_up(skb, pkt, w->peer_netns, side == WATCH_IN);
	return 0;
}

/* Whether somebody has to be looked for before a packet is tracked, so that the event
 * of its flow has the name: it begins or ends one. fresh says that the packet is not
 * one of an established flow's. */
static __always_inline bool who_is_due(const struct packet *pkt, bool fresh)
{
	if (pkt->key.proto == IPPROTO_TCP)
		return pkt->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST);
	return fresh;
}

/* Gives a flow the owner that was found for its packet. control is the flow's. */
static __always_inline void who_give(struct flow *flow, __u64 control,
				     const struct packet *pkt,
				     const struct owner *found)
{
	__u64 flags = found->control;

	if (!flags || owner_status(flow, control) == OWNER_SURE)
		return;
	if (flow_direction(control, pkt) == REPLY)
		flags ^= OWNER_REPLY;
	owner_set(flow, control, &found->process, flags);
	if ((flags & OWNER_STATUS) == OWNER_LISTENER)
		listened_count();
}

/* What is said of a packet: it is no established flow's next one; it changed a flow; it
 * goes out; its flow has an owner. */
#define WHO_FRESH 1
#define WHO_CHANGED 2
#define WHO_SIDE 4
#define WHO_KNOWN 8

/* Looks for the owner of a packet that is to be tracked. Returns WHO_KNOWN if its flow has
 * one. */
__noinline int who_before(struct __sk_buff *skb, struct packet *pkt,
			  const struct watched *w, __u32 how)
{
	struct owner *found = pending_owner_get();
	struct flow *flow = NULL;
	__u64 control = 0;

	if (!pkt || !w || !found)
		return 0;
	found->control = 0;
	if (pkt->kind != PACKET_FLOW || !who_is_due(pkt, how & WHO_FRESH))
		return 0;
	if (!who_opens(pkt)) {
		flow = flow_living(&pkt->key, &control);
		if (flow && owner_status(flow, control) == OWNER_SURE)
			return WHO_KNOWN;
	}
	who_find(skb, pkt, w, how & WHO_SIDE ? WATCH_OUT : WATCH_IN);
	/* It may end the flow, whose event then has the name. */
	if (flow && pkt->tcp_flags & (TCP_FIN | TCP_RST))
		who_give(flow, control, pkt, found);
	return 0;
}

/* Gives the owner of a packet that was tracked to its flow. */
__noinline int who_after(struct __sk_buff *skb, struct packet *pkt,
			 const struct watched *w, __u32 how)
{
	struct owner *found = pending_owner_get();
	struct flow *flow;
	__u64 control;

	if (!pkt || !w || !found || pkt->kind != PACKET_FLOW ||
	    !(found->control || how & WHO_CHANGED))
		return 0;
	flow = flow_living(&pkt->key, &control);
	if (flow && owner_status(flow, control) != OWNER_SURE) {
		if (!found->control)
			who_find(skb, pkt, w, how & WHO_SIDE ? WATCH_OUT : WATCH_IN);
		who_give(flow, control, pkt, found);
	}
	/* Nobody else's flow begins with it. */
	found->control = 0;
	return 0;
}
