// SPDX-License-Identifier: GPL-2.0
//go:build ignore

/* ctop's fast path by itself, whose instructions are counted, and what it would
 * cost with a lock and the fine clock for every packet. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "plain_track.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} outputs SEC(".maps");

struct locked_flow {
	struct bpf_spin_lock lock;
	__u32 pad;
	__u64 last_seen_ns;
	struct flow flow;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, struct locked_flow);
} locked_flows SEC(".maps");

static __always_inline int forward(const struct xdp_md *ctx)
{
	return bpf_redirect_map(&outputs,
				ctx->ingress_ifindex != config.points[0].ifindex,
				XDP_DROP);
}

SEC("xdp.frags")
int short_plain(struct xdp_md *ctx)
{
	union plain_key key;
	struct plain plain;

	if (!plain_parse(&plain, &key, CTX_DATA(ctx), CTX_DATA_END(ctx),
			 CTX_DATA_END(ctx) - CTX_DATA(ctx), NULL) ||
	    !plain_track(ctx, HOOK_XDP, &plain, &key, NULL))
		return XDP_ABORTED;
	return forward(ctx);
}

/* What the fast path does to a flow whose lock is held. */
static __always_inline bool locked_track(struct locked_flow *locked,
					 const struct plain *plain,
					 const struct packet *pkt, __u64 now)
{
	struct flow *flow = &locked->flow;
	__u64 control = flow->control;
	__u32 d = !!(control & FLOW_REVERSED) ^ plain->reversed;
	struct flow_dir *dir = &flow->dir[d & 1];

	if (control_state(control) != STATE_ESTABLISHED ||
	    window_check(dir, &flow->dir[(d & 1) ^ 1], pkt,
			 pkt->seq) != WINDOW_INSIDE)
		return false;
	locked->last_seen_ns = now;
	tcp_update(dir, pkt, false);
	flow_count(flow_traffic(flow, d), pkt, false);
	return true;
}

SEC("xdp.frags")
int short_locked(struct xdp_md *ctx)
{
	struct packet pkt = { .segments = 1 };
	struct locked_flow *locked;
	struct cpu_stats *stats;
	union plain_key key;
	struct plain plain;
	bool tracked;
	__u32 bytes;
	__u64 now;

	if (!plain_parse(&plain, &key, CTX_DATA(ctx), CTX_DATA_END(ctx),
			 CTX_DATA_END(ctx) - CTX_DATA(ctx), NULL))
		return XDP_ABORTED;
	locked = bpf_map_lookup_elem(&locked_flows, &key);
	stats = stats_get();
	if (!locked || !stats)
		return XDP_ABORTED;
	now = bpf_ktime_get_ns();
	plain_segment(&pkt, &plain);
	bytes = CTX_DATA_END(ctx) - CTX_DATA(ctx);
	/* Now and not later: half a pointer cannot be kept on the stack. */
	asm volatile("" : "+r"(bytes));
	pkt.bytes = bytes;
	bpf_spin_lock(&locked->lock);
	tracked = locked_track(locked, &plain, &pkt, now);
	bpf_spin_unlock(&locked->lock);
	if (!tracked)
		return XDP_ABORTED;
	stats->bytes += pkt.bytes;
	stats->verdict[VERDICT_ESTABLISHED]++;
	return forward(ctx);
}

char _license[] SEC("license") = "GPL";
