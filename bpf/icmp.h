/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP and ICMPv6 types: requests, answers, errors, and messages of the
 * link. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

/* RFC 792 and 950 */
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMP_TIMESTAMP 13
#define ICMP_TIMESTAMP_REPLY 14
#define ICMP_INFO 15
#define ICMP_INFO_REPLY 16
#define ICMP_MASK 17
#define ICMP_MASK_REPLY 18
/* RFC 4443 */
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PARAMETER_PROBLEM 4
#define ICMPV6_ECHO 128
#define ICMPV6_ECHO_REPLY 129

/* The type is neither a request nor an answer. */
#define ICMP_NO_REQUEST 0xff

/* RFC 1256 */
#define ICMP_ROUTER_ADVERTISEMENT 9
#define ICMP_ROUTER_SOLICITATION 10

/* ICMPv6 types of the link itself, one bit each: multicast listener discovery
 * (RFC 2710, 3810), neighbour discovery (RFC 4861, 3122, 3971), multicast
 * router discovery (RFC 4286). */
#define ICMPV6_FIRST_LOCAL 130
#define ICMPV6_LOCAL                                                           \
	(1U << 0 | 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 5 | 1U << 6 | \
	 1U << 7 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 18 | 1U << 19 |      \
	 1U << 21 | 1U << 22 | 1U << 23)

/* Reports whether hosts and routers of a link discover each other by this
 * type. */
static __always_inline bool icmp_is_local(__u8 family, __u8 type)
{
	if (family == 6)
		return type >= ICMPV6_FIRST_LOCAL &&
		       type < ICMPV6_FIRST_LOCAL + 32 &&
		       ICMPV6_LOCAL >> (type - ICMPV6_FIRST_LOCAL) & 1;
	return type == ICMP_ROUTER_ADVERTISEMENT ||
	       type == ICMP_ROUTER_SOLICITATION;
}

/* Returns the type of the request that a type is or answers. */
static __always_inline __u8 icmp_request(__u8 type, bool *answer)
{
	*answer = type == ICMP_ECHO_REPLY || type == ICMP_TIMESTAMP_REPLY ||
		  type == ICMP_INFO_REPLY || type == ICMP_MASK_REPLY;
	if (type == ICMP_ECHO_REPLY)
		return ICMP_ECHO;
	if (*answer)
		return type - 1;
	if (type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFO ||
	    type == ICMP_MASK)
		return type;
	return ICMP_NO_REQUEST;
}

static __always_inline __u8 icmpv6_request(__u8 type, bool *answer)
{
	*answer = type == ICMPV6_ECHO_REPLY;
	if (*answer || type == ICMPV6_ECHO)
		return ICMPV6_ECHO;
	return ICMP_NO_REQUEST;
}

static __always_inline __u8 icmp_request_of(__u8 family, __u8 type,
					    bool *answer)
{
	return family == 6 ? icmpv6_request(type, answer) :
			     icmp_request(type, answer);
}

/* Reports whether a type quotes the packet that it is about. */
static __always_inline bool icmp_is_error(__u8 family, __u8 type)
{
	if (family == 6)
		return type >= ICMPV6_UNREACHABLE &&
		       type <= ICMPV6_PARAMETER_PROBLEM;
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_REDIRECT || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETER_PROBLEM;
}
