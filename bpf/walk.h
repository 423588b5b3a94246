/* SPDX-License-Identifier: GPL-2.0 */
/* Walks over IPv6 extension headers and TCP options, whose number depends on
 * the packet.
 *
 * They are global functions, so the verifier checks each of them once, and not
 * once per path to it. Each hook has its own, since the context of a global
 * function has a fixed type. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum hook {
	HOOK_XDP,
	HOOK_TC,
};

/* Scales nothing: the low four bits count. */
#define NO_WSCALE 0x80
/* RFC 7323 2.3 */
#define MAX_WSCALE 14
#define MAX_TCP_OPTIONS 40
#define MAX_IPV6_EXTENSIONS 8
#define MAX_OFFSET 0x3fff

/* value & mask. Where the compiler knows that the value is in that range it would leave
 * the mask out; the verifier of Linux 5.15 forgets ranges of what was on the stack. */
static __always_inline __u32 masked(__u32 value, __u32 mask)
{
	asm volatile("" : "+r"(value));
	return value & mask;
}

#define IPPROTO_MOBILITY 135
#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_OFFSET_MASK 0xfff8

/* Set in the result of tcp_option() if it is a window scale. */
#define OPTION_WSCALE 0x100U

/* The result of a walk over extension headers. */
enum walk_end {
	/* All extension headers are skipped. */
	WALK_DONE,
	WALK_MALFORMED,
	/* There are too many headers, or fragments of fragments. */
	WALK_STOPPED,
};

/* The headers that the walk found. Lengths count from its start. */
struct ipv6_walk {
	/* The length of all headers. */
	__u32 length;
	/* The end of the fragment header, zero if there is none. */
	__u32 fragment_end;
	/* Identification, and offset and flag, of the fragment header. */
	__u32 id;
	__u16 fragment;
	/* The protocol after the extension headers. In a later fragment, the
	 * next header that the fragment header names. */
	__u8 proto;
	/* A routing header is in use, so the pseudo header has another
	 * destination than the IP header (RFC 8200 8.1). */
	__u8 rerouted;
};

struct ipv6_extension {
	__u8 next;
	__u8 length;
	/* Fields of a fragment header. */
	__be16 fragment;
	__be32 id;
};

static __always_inline bool ipv6_is_extension(__u8 next)
{
	return next == IPPROTO_FRAGMENT || next == IPPROTO_HOPOPTS ||
	       next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_MOBILITY || next == IPPROTO_HIP ||
	       next == IPPROTO_SHIM6;
}

/* RFC 8200 section 4. Every header but the fragment header has a length field,
 * in units of eight bytes after the first eight. No headers follow the fragment
 * header of a later fragment. A second fragment header is skipped if it is that
 * of a whole packet; otherwise the walk stops. */
static __always_inline int ipv6_walk(void *data, void *data_end, __u32 offset,
				     __u8 proto, struct ipv6_walk *walk)
{
	__u32 begin = offset;
	int i;

	for (i = 0; i < MAX_IPV6_EXTENSIONS && ipv6_is_extension(proto) &&
		    !(walk->fragment & IPV6_OFFSET_MASK);
	     i++) {
		struct ipv6_extension *extension;
		__u32 length = 8;

		offset &= MAX_OFFSET;
		extension = data + offset;
		if ((void *)(extension + 1) > data_end)
			return WALK_MALFORMED;
		if (proto == IPPROTO_FRAGMENT) {
			__u16 fragment = bpf_ntohs(extension->fragment);

			if (!(walk->fragment & IPV6_MORE_FRAGMENTS)) {
				walk->fragment = fragment;
				walk->id = extension->id;
				walk->fragment_end = offset + length - begin;
			} else if (fragment &
				   (IPV6_OFFSET_MASK | IPV6_MORE_FRAGMENTS)) {
				return WALK_STOPPED;
			}
		} else {
			length += extension->length * 8;
		}
		/* The low byte is Segments Left of a routing header. */
		if (proto == IPPROTO_ROUTING &&
		    extension->fragment & bpf_htons(0xff))
			walk->rerouted = 1;
		proto = extension->next;
		offset += length;
	}
	if (ipv6_is_extension(proto) && !(walk->fragment & IPV6_OFFSET_MASK))
		return WALK_STOPPED;
	walk->length = offset - begin;
	walk->proto = proto;
	return WALK_DONE;
}

/* Returns the length of a TCP option that begins before end, or zero if there
 * is none. For a window scale (RFC 7323 2.2) it returns that and OPTION_WSCALE.
 * It is a function of its own, since in a loop the verifier would track each
 * sum of lengths apart. */
static __always_inline __u32 tcp_option(void *data, void *data_end,
					__u32 offset, __u32 end)
{
	__u8 *option = data + (offset & MAX_OFFSET);

	if (offset >= end || (void *)(option + 1) > data_end || option[0] == 0)
		return 0;
	if (option[0] == 1)
		return 1;
	if ((void *)(option + 2) > data_end || option[1] < 2 ||
	    option[1] > end - offset)
		return 0;
	if (option[0] == 3 && option[1] == 3 &&
	    (void *)(option + 3) <= data_end)
		return OPTION_WSCALE |
		       (option[2] > MAX_WSCALE ? MAX_WSCALE : option[2]);
	return option[1];
}

#define CTX_DATA(ctx) ((void *)(long)(ctx)->data)
#define CTX_DATA_END(ctx) ((void *)(long)(ctx)->data_end)

__noinline int xdp_ipv6_walk(struct xdp_md *ctx, __u32 offset, __u32 proto,
			     struct ipv6_walk *walk)
{
	if (!walk)
		return WALK_MALFORMED;
	return ipv6_walk(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, proto, walk);
}

__noinline int tc_ipv6_walk(struct __sk_buff *ctx, __u32 offset, __u32 proto,
			    struct ipv6_walk *walk)
{
	if (!walk)
		return WALK_MALFORMED;
	return ipv6_walk(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, proto, walk);
}

__noinline __u32 xdp_tcp_option(struct xdp_md *ctx, __u32 offset, __u32 end)
{
	return tcp_option(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, end);
}

__noinline __u32 tc_tcp_option(struct __sk_buff *ctx, __u32 offset, __u32 end)
{
	return tcp_option(CTX_DATA(ctx), CTX_DATA_END(ctx), offset, end);
}

/* Returns the window scale in length bytes of options, or NO_WSCALE. */
static __always_inline __u32 tcp_wscale(void *ctx, enum hook hook, __u32 offset,
					__u32 length)
{
	__u32 end = offset + length, i;

	for (i = 0; i < MAX_TCP_OPTIONS; i++) {
		__u32 option = hook == HOOK_TC ?
				       tc_tcp_option(ctx, offset, end) :
				       xdp_tcp_option(ctx, offset, end);

		if (option & OPTION_WSCALE)
			return option & ~OPTION_WSCALE;
		if (!option)
			break;
		offset += option;
	}
	return NO_WSCALE;
}

__noinline __u32 xdp_tcp_wscale(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	return tcp_wscale(ctx, HOOK_XDP, offset, length);
}

__noinline __u32 tc_tcp_wscale(struct __sk_buff *ctx, __u32 offset,
			       __u32 length)
{
	return tcp_wscale(ctx, HOOK_TC, offset, length);
}
