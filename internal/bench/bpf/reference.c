// SPDX-License-Identifier: GPL-2.0
//go:build ignore

/* What ctop is measured against: forwarding without tracking, one look-up in the
 * kernel's hash map, the bare insert of an entry, and the sink that counts what came
 * through. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "tuple.h"
#include "frame.h"
#include "stage.h"

#define KEY_WORDS (sizeof(struct flow_key) / 8)
#define CTX_DATA(ctx) ((void *)(long)(ctx)->data)
#define CTX_DATA_END(ctx) ((void *)(long)(ctx)->data_end)

/* What a tracker keeps of a flow beside its key. */
struct entry {
	__u64 words[20];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, struct entry);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} outputs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct entry);
} blank SEC(".maps");

/* What arrived at the sink. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

/* Where ref_tc_redirect sends packets, set at load. */
volatile const __u32 output_ifindex;

/* The key in whole words: whoever writes it in pieces makes the hash function
 * wait. */
union reference_key {
	struct flow_key key;
	__u64 words[KEY_WORDS];
};

/* ctop's own key of a TCP packet over IPv4 without options, both ends in order.
 * That is the least that a look-up takes: nothing else is checked. */
static __always_inline bool reference_key(void *data, void *data_end,
					  union reference_key *key)
{
	const struct iphdr *ip = data + ETH_HLEN;
	const __be16 *ethertype = data + ETH_HLEN - 2;
	const __u32 *ports = data + TCP_OFFSET;

	if (data + TCP_OFFSET + sizeof(struct tcphdr) > data_end ||
	    *ethertype != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP)
		return false;
	key->words[0] = 0;
	key->words[2] = 0;
	key->words[5] = IPPROTO_TCP | 4 << 8;
	if (ip->saddr > ip->daddr ||
	    (ip->saddr == ip->daddr && (*ports & 0xffff) > *ports >> 16)) {
		key->words[1] = mapped_ipv4(ip->daddr);
		key->words[3] = mapped_ipv4(ip->saddr);
		key->words[4] = *ports >> 16 | *ports << 16;
		asm volatile("# swapped" ::: );
	} else {
		key->words[1] = mapped_ipv4(ip->saddr);
		key->words[3] = mapped_ipv4(ip->daddr);
		key->words[4] = *ports;
		asm volatile("# in order" ::: );
	}
	return true;
}

SEC("xdp.frags")
int ref_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int ref_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&outputs, 0, XDP_DROP);
}

SEC("xdp.frags")
int ref_lookup(struct xdp_md *ctx)
{
	union reference_key key;

	if (!reference_key(CTX_DATA(ctx), CTX_DATA_END(ctx), &key) || !bpf_map_lookup_elem(&flows, &key))
		return XDP_ABORTED;
	return bpf_redirect_map(&outputs, 0, XDP_DROP);
}

SEC("xdp.frags")
int ref_insert(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct entry *entry = bpf_map_lookup_elem(&blank, &zero);
	union reference_key key;

	if (!entry || !reference_key(CTX_DATA(ctx), CTX_DATA_END(ctx), &key) ||
	    bpf_map_update_elem(&flows, &key, entry, BPF_NOEXIST))
		return XDP_ABORTED;
	return bpf_redirect_map(&outputs, 0, XDP_DROP);
}

SEC("xdp.frags")
int ref_sink(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&arrived, &zero);

	if (count)
		(*count)++;
	return XDP_DROP;
}

SEC("tc")
int ref_tc_pass(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

SEC("tc")
int ref_tc_lookup(struct __sk_buff *skb)
{
	union reference_key key;

	if (!reference_key(CTX_DATA(skb), CTX_DATA_END(skb), &key) ||
	    !bpf_map_lookup_elem(&flows, &key))
		return TC_ACT_SHOT;
	return bpf_redirect(output_ifindex, 0);
}

SEC("tc")
int ref_tc_redirect(struct __sk_buff *skb)
{
	return bpf_redirect(output_ifindex, 0);
}

char _license[] SEC("license") = "GPL";
