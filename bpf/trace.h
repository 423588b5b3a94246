/* SPDX-License-Identifier: GPL-2.0 */
/* Records every packet and its verdict (option --trace).
 *
 * tracing is a load-time constant. If it is false, the verifier removes all of
 * this. If it is true, no packet takes the fast path, and each leaves a record
 * in a ring buffer. User space selects the records that it prints. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "clock.h"
#include "config.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "table.h"
#include "tuple.h"

volatile const bool tracing;

struct trace {
	/* The number of the record on its CPU. A gap shows how many are
	 * missing. */
	__u64 sequence;
	__u64 time_ns;
	/* The id of the packet's flow, or zero. */
	__u64 id;
	struct flow_key key;
	/* TCP, in host order, and the length of its payload. */
	__u32 seq;
	__u32 ack;
	__u32 payload;
	__u32 bytes;
	__u32 segments;
	__u32 cpu;
	enum verdict verdict;
	enum invalid invalid;
	enum flow_state from;
	enum flow_state to;
	enum direction direction;
	enum packet_kind kind;
	__u16 window;
	__u8 tcp_flags;
	/* The packet goes from the key's end 1 to its end 0. */
	__u8 reversed;
	/* The packet came in by the second interface. */
	__u8 side;
	__u8 dropped;
	/* The reason, if it is untracked. */
	__u8 untracked;
	__u8 pad;
};

_Static_assert(sizeof(struct trace) == 128, "trace has hidden padding");

/* One page. The loader makes it larger if tracing is requested. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
	__type(value, struct trace);
} traces SEC(".maps");

/* The number of records of each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} trace_count SEC(".maps");

/* Where the packet's flow stands before the packet is tracked. */
__noinline int trace_before(struct packet *pkt)
{
	struct flow *flow;
	__u64 control;

	if (!pkt || (pkt->kind != PACKET_FLOW && pkt->kind != PACKET_FRAGMENT))
		return STATE_NONE;
	flow = flow_living(&pkt->key, &control);
	return flow ? control_state(control) : STATE_NONE;
}

static __always_inline void trace_packet(struct trace *trace,
					 const struct packet *pkt)
{
	trace->key = pkt->key;
	trace->seq = pkt->seq;
	trace->ack = pkt->ack;
	trace->window = pkt->window;
	trace->tcp_flags = pkt->tcp_flags;
	trace->payload = tcp_payload(pkt);
	trace->bytes = pkt->bytes;
	trace->segments = pkt->segments;
	trace->kind = pkt->kind;
	trace->reversed = pkt->reversed;
	trace->side = pkt->side;
}

static __always_inline void trace_flow(struct trace *trace,
				       const struct packet *pkt)
{
	__u64 control;
	struct flow *flow = flow_living(&pkt->key, &control);

	if (!flow)
		return;
	trace->id = flow_id(flow);
	trace->to = control_state(control);
	trace->direction = flow_direction(control, pkt);
	/* Errors change no state. */
	if (pkt->kind == PACKET_ERROR)
		trace->from = trace->to;
}

/* Records a packet and its verdict. */
__noinline int trace_after(struct packet *pkt, __u32 from, __u32 verdict,
			   __u32 reason)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&trace_count, &zero);
	struct trace *trace;

	if (!pkt || !count)
		return 0;
	(*count)++;
	trace = bpf_ringbuf_reserve(&traces, sizeof(*trace), 0);
	if (!trace)
		return 0;
	__builtin_memset(trace, 0, sizeof(*trace));
	trace->sequence = *count - 1;
	trace->cpu = bpf_get_smp_processor_id();
	trace->time_ns = clock_ns();
	trace->verdict = verdict;
	if (verdict == VERDICT_INVALID)
		trace->invalid = reason;
	if (verdict == VERDICT_UNTRACKED)
		trace->untracked = reason;
	trace->from = from;
	trace->dropped = verdict == VERDICT_INVALID &&
			 config.policy == POLICY_ENFORCE;
	trace_packet(trace, pkt);
	trace_flow(trace, pkt);
	bpf_ringbuf_submit(trace, 0);
	return 0;
}
