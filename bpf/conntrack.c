// SPDX-License-Identifier: GPL-2.0
//go:build ignore

/* The tracker's entry points: the two hooks that packets come by, and what user
 * space asks of the table. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "capture.h"
#include "checksum.h"
#include "clock.h"
#include "config.h"
#include "control.h"
#include "inherit.h"
#include "own.h"
#include "packet.h"
#include "parse.h"
#include "plain_track.h"
#include "reset.h"
#include "stats.h"
#include "track.h"
#include "verify.h"
#include "watch.h"
#include "who.h"

/* Where packets go that came in by the first interface, and by the second. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} outputs SEC(".maps");

/* Whether the policy lets a packet through, counted if not. */
static __always_inline bool admit(enum verdict verdict,
				  const struct packet *pkt,
				  struct cpu_stats *stats)
{
	if (verdict != VERDICT_INVALID || config.policy == POLICY_OBSERVE)
		return true;
	stats->dropped += pkt->segments;
	return false;
}

/* Whether a packet came in by the second interface. */
static __always_inline __u32 xdp_side(const struct xdp_md *ctx)
{
	return ctx->ingress_ifindex != config.points[0].ifindex;
}

/* Sends a packet out where it did not come in. */
static __always_inline int xdp_forward(struct xdp_md *ctx)
{
	int action = bpf_redirect_map(&outputs, xdp_side(ctx), XDP_DROP);

	if (action != XDP_REDIRECT) {
		struct cpu_stats *stats = stats_get();

		if (stats)
			stats_unsent(stats, UNSENT_OUTPUT);
	}
	return action;
}

/* A redirect that failed after the program had returned, native and generic: the
 * frame is longer than the MTU of the way out, or that is down. It runs where the
 * program ran, on its CPU, for redirects by any map of the machine. The arguments
 * are those of the tracepoint since Linux 5.13 (include/trace/events/xdp.h): dev,
 * xdp, tgt, err, map_type, map_id, index. */
SEC("raw_tracepoint/xdp_redirect_err")
int ctop_unsent(struct bpf_raw_tracepoint_args *ctx)
{
	struct cpu_stats *stats;

	if ((__u32)ctx->args[5] != config.outputs_id)
		return 0;
	stats = stats_get();
	if (stats)
		stats_unsent(stats, (int)ctx->args[3] == -EMSGSIZE ?
					    UNSENT_TOO_LONG :
					    UNSENT_OUTPUT);
	return 0;
}

/* Where packets on the slow path are parsed to: on the stack is no room left beside
 * what the fast path and the calls below need, and the verifier would keep apart
 * whatever may lie there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} packets SEC(".maps");

static __always_inline struct packet *packet_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&packets, &zero);
}

/* Whatever is not an established flow's next segment. */
static __always_inline int xdp_slow(struct xdp_md *ctx)
{
	struct packet *pkt = packet_get();
	struct cpu_stats *stats = stats_get();
	enum verdict verdict;

	if (!pkt || !stats)
		return XDP_ABORTED;
	__builtin_memset(pkt, 0, sizeof(*pkt));
	pkt->bytes = ctx->data_end - ctx->data;
	pkt->segments = 1;
	pkt->side = xdp_side(ctx);
	parse_packet(pkt, (struct cursor){ .ctx = ctx,
					   .hook = HOOK_XDP,
					   .start = CTX_DATA(ctx),
					   .end = CTX_DATA_END(ctx) });
	if (multi_buffer && pkt->kind != PACKET_FLOW)
		pkt->bytes = bpf_xdp_get_buff_len(ctx);
	if (verify_checksums && pkt->complete)
		xdp_verify(ctx, pkt);
	verdict = track(pkt, stats, clock_ticks());
	if (pkt->captured)
		xdp_capture(ctx, pkt, verdict);
	if (!admit(verdict, pkt, stats))
		return XDP_DROP;
	if (complete_checksums && pkt->complete)
		checksum_finish(ctx, pkt);
	return xdp_forward(ctx);
}

/* Completes the checksum of a plain packet. */
static __always_inline void xdp_plain_checksum(struct xdp_md *ctx,
					       const struct plain *plain,
					       const union plain_key *key)
{
	struct packet pkt = {
		.key = key->key,
		.l4_offset = plain->l4_offset,
		.l4_length = plain->l4_length,
	};

	checksum_finish(ctx, &pkt);
}

SEC("xdp.frags")
int ctop_xdp(struct xdp_md *ctx)
{
	union plain_key key;
	struct plain plain;

	/* The fast path leaves nothing to look at. */
	if (tracing || verify_checksums ||
	    !plain_parse(&plain, &key, CTX_DATA(ctx), CTX_DATA_END(ctx),
			 CTX_DATA_END(ctx) - CTX_DATA(ctx), NULL) ||
	    !plain_track(ctx, HOOK_XDP, &plain, &key, NULL))
		return xdp_slow(ctx);
	if (complete_checksums)
		xdp_plain_checksum(ctx, &plain, &key);
	return xdp_forward(ctx);
}

/* Whether a packet came in by the second interface. */
static __always_inline __u32 tc_side(const struct __sk_buff *skb)
{
	return skb->ingress_ifindex != config.points[0].ifindex;
}

/* Bytes on the wire and packets of what may be a segmentation-offload packet:
 * every segment after the first repeats the headers. */
static __always_inline void count_segments(struct __sk_buff *skb,
					   struct packet *pkt)
{
	__u32 headers, link;

	if (skb->gso_segs < 2 || !skb->gso_size)
		return;
	headers = pkt->bytes - (pkt->bytes > skb->gso_size * skb->gso_segs ?
					skb->gso_size * skb->gso_segs :
					pkt->bytes);
	if (pkt->l4_offset) {
		headers = pkt->l4_offset;
		headers += pkt->key.proto == IPPROTO_TCP ?
				   pkt->l4_length - tcp_payload(pkt) :
				   sizeof(struct udphdr);
	}
	link = pkt->bytes - pkt->octets;
	pkt->segments = skb->gso_segs;
	pkt->bytes += (skb->gso_segs - 1) * headers;
	/* These are never padded. */
	if (exact_octets)
		pkt->octets = pkt->bytes - pkt->segments * link;
}

/* Bytes that have the headers of nearly all packets. */
#define USUAL_HEADERS 256

/* Parses what lies within so many bytes. protocol is that of a packet without a link
 * header, or zero. */
__noinline int tc_parse(struct __sk_buff *skb, struct packet *pkt,
			__u32 headers, __u32 protocol)
{
	__u32 length;

	if (!pkt)
		return 0;
	__builtin_memset(pkt, 0, sizeof(*pkt));
	length = skb->len;
	pkt->bytes = length;
	pkt->segments = 1;
	pkt->side = tc_side(skb);
	if (skb->vlan_present) {
		pkt->key.vlan[0] = skb->vlan_tci & VLAN_ID_MASK;
		if (pkt->key.vlan[0])
			pkt->link = link_kind(skb->vlan_proto, 0);
	}
	/* Headers may lie outside the part that can be read directly. */
	if (skb->data_end - skb->data < length)
		bpf_skb_pull_data(skb, length < headers ? length : headers);
	parse_packet(pkt, (struct cursor){ .ctx = skb,
					   .hook = HOOK_TC,
					   .protocol = protocol,
					   .start = CTX_DATA(skb),
					   .end = CTX_DATA_END(skb) });
	return 0;
}

/* Parses a packet, whatever the length of its headers. */
static __always_inline void tc_read(struct __sk_buff *skb, struct packet *pkt,
				    __u32 protocol)
{
	tc_parse(skb, pkt, USUAL_HEADERS, protocol);
	/* A chain of extension headers may be longer. */
	if (pkt->kind == PACKET_MALFORMED && pkt->key.family == 6)
		tc_parse(skb, pkt, MAX_OFFSET, protocol);
	count_segments(skb, pkt);
	/* A tag beside the packet is one in each frame on the wire. */
	if (skb->vlan_present)
		pkt->bytes += pkt->segments * sizeof(struct vlan_tag);
}

/* Sends a packet out where it did not come in. */
static __always_inline int tc_forward(__u32 side)
{
	return bpf_redirect(config.points[side & 1].to, 0);
}

/* Copies a packet if captures may want it. */
static __always_inline void tc_copy(struct __sk_buff *skb, struct packet *pkt,
				    enum verdict verdict)
{
	if (pkt->captured)
		tc_capture(skb, pkt, verdict);
}

/* Whatever is not an established flow's next packet. */
static __always_inline int tc_slow(struct __sk_buff *skb)
{
	struct packet *pkt = packet_get();
	struct cpu_stats *stats = stats_get();
	enum verdict verdict;

	if (!pkt || !stats)
		return TC_ACT_SHOT;
	tc_read(skb, pkt, 0);
	if (verify_checksums && pkt->complete)
		tc_verify(skb, pkt);
	verdict = track(pkt, stats, clock_ticks());
	tc_copy(skb, pkt, verdict);
	if (!admit(verdict, pkt, stats))
		return TC_ACT_SHOT;
	return tc_forward(pkt->side);
}

SEC("tc")
int ctop_tc(struct __sk_buff *skb)
{
	union plain_key key;
	struct plain plain;

	if (tracing || verify_checksums || skb->vlan_present ||
	    !plain_parse(&plain, &key, CTX_DATA(skb), CTX_DATA_END(skb),
			 skb->len, NULL) ||
	    !plain_track(skb, HOOK_TC, &plain, &key, NULL))
		return tc_slow(skb);
	return tc_forward(tc_side(skb));
}

/* What a watching program returns, so that the next program of the hook sees the
 * packet, then the filters of the clsact qdisc, then the stack. It is TCX_NEXT. */
#define WATCH_NEXT TC_ACT_UNSPEC

/* Whatever is not an established flow's next packet. */
static __always_inline int watch_slow(struct __sk_buff *skb,
				      struct watched *w, __u32 side,
				      __u32 fresh)
{
	struct packet *pkt = packet_get();
	struct cpu_stats *stats = stats_get();
	__u32 how = (side == WATCH_OUT ? WHO_SIDE : 0) | fresh;
	enum verdict verdict;
	__u64 events;
	struct volume seen;

	if (!pkt || !stats)
		return WATCH_NEXT;
	tc_read(skb, pkt, w->no_link ? skb->protocol : 0);
	watch_place(pkt, w, side);
	if (skb->tc_index && own_ignore(skb, pkt))
		return WATCH_NEXT;
	seen.packets = pkt->segments;
	seen.bytes = pkt->bytes;
	watched_count(w, side, &seen);
	if (naming)
		how |= who_before(skb, pkt, w, how);
	events = stats->events[LANE_PACKET];
	verdict = track(pkt, stats, clock_ticks());
	if (naming && !(how & WHO_KNOWN)) {
		if (stats->events[LANE_PACKET] != events)
			how |= WHO_CHANGED;
		who_after(skb, pkt, w, how);
	}
	tc_copy(skb, pkt, verdict);
	if (!admit(verdict, pkt, stats))
		return TC_ACT_SHOT;
	return WATCH_NEXT;
}

/* Watches a packet. It is never redirected, and dropped only by the policy. */
static __always_inline int watch(struct __sk_buff *skb, __u32 side)
{
	struct watched *w = watched_get(skb);
	union plain_key key;
	struct volume seen;
	struct plain plain;

	if (!w)
		return WATCH_NEXT;
	/* These never take the fast path, so nothing is known of them. */
	if (w->no_link || skb->vlan_present)
		return watch_slow(skb, w, side, 0);
	if (tracing ||
	    !plain_parse(&plain, &key, CTX_DATA(skb), CTX_DATA_END(skb),
			 skb->len, w->zone) ||
	    !plain_track(skb, HOOK_TC, &plain, &key, &seen))
		return watch_slow(skb, w, side, WHO_FRESH);
	watched_count(w, side, &seen);
	return WATCH_NEXT;
}

/* A section for each: clang 14 may write two lines of source for one instruction, and
 * then the loader finds none for the functions that follow in the section. */
SEC("classifier/watch_in")
int ctop_watch_in(struct __sk_buff *skb)
{
	return watch(skb, WATCH_IN);
}

SEC("classifier/watch_out")
int ctop_watch_out(struct __sk_buff *skb)
{
	return watch(skb, WATCH_OUT);
}

/* Types that user space shares and that no map or argument has: here the
 * generator finds them. */
struct shared_types {
	struct event event;
	enum owner_status owner_status;
	enum holding holding;
	enum event_type event_type;
	enum event_lane event_lane;
	enum reason reason;
	enum flow_state flow_state;
	enum direction direction;
	enum timeout timeout;
	enum verdict verdict;
	enum invalid invalid;
	enum unsent unsent;
	enum untracked untracked;
	struct captured captured;
	struct reset_args reset_args;
	enum reset_result reset_result;
	struct inherit_args inherit_args;
	enum inherit_step inherit_step;
	enum inherit_result inherit_result;
};

const struct shared_types *shared_types __attribute__((unused));

char _license[] SEC("license") = "GPL";
