/* SPDX-License-Identifier: GPL-2.0 */
/* How a flow is found by its key, and entered under it.
 *
 * A bucket is a cache line of eight slots; a slot tells where a flow lies, and 30 bits
 * of its key's hash, so that hardly ever another flow is looked at in vain. A key
 * names two buckets. Its flow is in the first one, unless that was three quarters
 * full. There are two slots for each flow that the table has room for, so that two
 * full buckets are met hardly ever, and not by anybody's design: the hash is keyed.
 *
 * Nobody waits for anybody. A flow is written whole, then put into an empty slot, not
 * in force yet. Then both buckets are looked at again: of several that begin one flow
 * at once the first in order takes the others out, or finds one in force, and gives
 * way. What is left makes its slot one in force. docs/decisions/0005 has the proof. */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "place.h"
#include "tuple.h"

#define BUCKET_SLOTS 8
/* Slots of the first bucket that are used before any of the second is. */
#define BUCKET_ENOUGH 6
#define KEY_WORDS 6

_Static_assert(sizeof(struct flow_key) == KEY_WORDS * 8,
	       "the words are the whole key");

/* Above the lower half: which flow. In it: the tag, of which the lowest bit says that
 * the slot is in force, and the one above it is always set. Zero is an empty slot. */
#define SLOT_IN_FORCE 1ULL
#define SLOT_TAG_BITS 3ULL

struct bucket {
	__u64 slots[BUCKET_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

/* By what keys are hashed, and into how many buckets. It belongs to the table: what
 * comes after an upgrade has to find what is in it. Written before any packet. */
struct hashing {
	__u64 factors[2 * KEY_WORDS];
	__u64 sum;
	/* Odd. Leads from a hash to its buckets. */
	__u64 mixer;
	__u32 buckets;
	__u32 pad;
};

struct hashing hashing SEC(".data.hashing") = { .mixer = 1, .buckets = 1 };

/* The multilinear family with half the multiplications (Lemire and Kaser, "Strongly
 * universal string hashing is fast", 2014): whatever two keys somebody chooses, the
 * upper 33 bits of the sums are independent. Of keys in a row sums are in a row, too,
 * with the same distance, and some distances fill few buckets; so the bits are mixed,
 * one to one. */
static __always_inline __u64 key_hash(const __u64 *words)
{
	__u64 hash = hashing.sum;
	int i;

#pragma unroll
	for (i = 0; i < KEY_WORDS; i++)
		hash += (hashing.factors[2 * i] + (__u32)words[i]) *
			(hashing.factors[2 * i + 1] + (words[i] >> 32));
	return hash ^ hash >> 32;
}

static __always_inline __u32 first_bucket(__u64 hash)
{
	return (hash * hashing.mixer >> 32) * hashing.buckets >> 32;
}

static __always_inline __u32 second_bucket(__u64 hash)
{
	return (__u64)(__u32)(hash * hashing.mixer) * hashing.buckets >> 32;
}

/* What the lower half of a slot in force is. */
static __always_inline __u32 hash_tag(__u64 hash)
{
	return hash | SLOT_TAG_BITS;
}

static __always_inline struct bucket *bucket_at(__u32 index)
{
	return bpf_map_lookup_elem(&buckets, &index);
}

static __always_inline bool flow_has_key(const struct flow *flow,
					 const __u64 *words)
{
	const __u64 *own = (const __u64 *)&flow->key;

	return !((own[0] ^ words[0]) | (own[1] ^ words[1]) |
		 (own[2] ^ words[2]) | (own[3] ^ words[3]) |
		 (own[4] ^ words[4]) | (own[5] ^ words[5]));
}

/* The flow with that key in a bucket: its number, or zero. */
static __always_inline __u32 bucket_find(__u32 index, __u32 tag,
					 const __u64 *words)
{
	const struct bucket *bucket = bucket_at(index);
	__u64 i;

	if (!bucket)
		return 0;
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]);
		struct flow *flow;

		if ((__u32)slot != tag)
			continue;
		flow = flow_at(slot >> 32);
		if (flow && flow_has_key(flow, words))
			return (slot >> 32) + 1;
	}
	return 0;
}

/* Looks a flow up. Returns its number, zero where there is none. */
__noinline __u32 flow_look_up(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u32 number;
	__u64 hash;

	if (!key)
		return 0;
	hash = key_hash(words);
	number = bucket_find(first_bucket(hash), hash_tag(hash), words);
	if (number)
		return number;
	return bucket_find(second_bucket(hash), hash_tag(hash), words);
}

/* The place of a key's flow, NULL where there is none. flow_living() says whose it is
 * then. */
static __always_inline struct flow *flow_find(const struct flow_key *key)
{
	return flow_numbered(flow_look_up(key));
}

/* What bucket_look() finds: how many slots are used, and one that is not, or that all
 * are. */
#define LOOK_EMPTY(found) ((found) & 15)
#define LOOK_USED(found) ((found) >> 4)
/* Of a flow that is in no slot yet: below all slots. */
#define NO_RANK (2 * BUCKET_SLOTS)

/* Looks through a bucket for another flow of the same key, and for an empty slot. The
 * slots of both buckets are ranked, this one's from base on; rank is that of the
 * flow's own slot.
 *
 * An entry that has ended but not left its slot is taken out: who ended it may have
 * been interrupted by this packet. */
__noinline int bucket_look(struct flow *flow, __u32 index, __u32 base, __u32 rank)
{
	__u32 used = 0, empty = BUCKET_SLOTS, tag;
	struct bucket *bucket = bucket_at(index);
	__u64 i;

	if (!flow || !bucket)
		return -EINVAL;
	tag = flow->slot;
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]), control, was;
		struct flow *other;

		if (!slot) {
			if (empty == BUCKET_SLOTS)
				empty = i;
			continue;
		}
		used++;
		if (((__u32)slot | SLOT_IN_FORCE) != tag || base + i == rank)
			continue;
		other = flow_at(slot >> 32);
		if (!other ||
		    !flow_has_key(other, (const __u64 *)&flow->key))
			continue;
		control = READ_ONCE(other->control);
		if (slot & SLOT_IN_FORCE) {
			if (!control || control_state(control) != STATE_NONE)
				return -EEXIST;
		} else if (base + i < rank) {
			return -EEXIST;
		}
		was = __sync_val_compare_and_swap(&bucket->slots[i], slot, 0);
		if (was == (slot | SLOT_IN_FORCE) && was != slot)
			return -EEXIST;
	}
	return used << 4 | empty;
}

/* Where a flow may go, and where it is to go. */
struct course {
	__u32 first;
	__u32 second;
	/* One of these, a slot in it, and the rank of that. */
	__u32 bucket;
	__u32 slot;
	__u32 rank;
};

/* Looks for another flow of the key in both buckets, and for an empty slot: in the
 * first one while that has few, then where there are more. */
static __always_inline int course_set(struct course *course, struct flow *flow,
				      __u32 rank)
{
	int first, second;

	first = bucket_look(flow, course->first, 0, rank);
	if (first < 0)
		return first;
	course->bucket = course->first;
	course->slot = LOOK_EMPTY(first);
	course->rank = course->slot;
	if (course->second == course->first)
		return course->slot < BUCKET_SLOTS ? 0 : -ENOSPC;
	second = bucket_look(flow, course->second, BUCKET_SLOTS, rank);
	if (second < 0)
		return second;
	if (LOOK_USED(first) >= BUCKET_ENOUGH &&
	    LOOK_USED(second) < LOOK_USED(first)) {
		course->bucket = course->second;
		course->slot = LOOK_EMPTY(second);
		course->rank = BUCKET_SLOTS + course->slot;
	}
	return course->slot < BUCKET_SLOTS ? 0 : -ENOSPC;
}

/* Makes the slot of a flow one in force, unless another flow of the key goes before
 * it. Then it is empty again. */
static __always_inline int slot_settle(struct course *course, struct flow *flow,
				       __u64 *slot)
{
	__u64 word = flow->slot, drafted = word ^ SLOT_IN_FORCE;

	if (course_set(course, flow, course->rank) != -EEXIST &&
	    __sync_val_compare_and_swap(slot, drafted, word) == drafted)
		return 0;
	__sync_val_compare_and_swap(slot, drafted, 0);
	return -EEXIST;
}

/* How often a slot is looked for that others do not take first. */
#define MAX_SLOT_TRIES 3

/* Enters a flow that is written but for its control under its key. Returns 0, or
 * -EEXIST where there is a flow of that key already, or another packet is about to
 * enter one; -ENOSPC where both buckets are full; -EBUSY where others took the
 * slots that were empty. */
__noinline int flow_enter(struct flow *flow)
{
	struct course course = {};
	__u64 hash, i;
	int err;

	if (!flow)
		return -EINVAL;
	hash = key_hash((const __u64 *)&flow->key);
	flow->slot = (flow->slot & ~0xffffffffULL) | hash_tag(hash);
	course.first = first_bucket(hash);
	course.second = second_bucket(hash);
	for (i = 0; i < MAX_SLOT_TRIES; i++) {
		struct bucket *bucket;
		__u64 *slot;

		err = course_set(&course, flow, NO_RANK);
		if (err)
			return err;
		bucket = bucket_at(course.bucket);
		if (!bucket)
			return -EINVAL;
		slot = &bucket->slots[course.slot & (BUCKET_SLOTS - 1)];
		flow->place = course.bucket * BUCKET_SLOTS + course.slot;
		if (!__sync_val_compare_and_swap(slot, 0,
						 flow->slot ^ SLOT_IN_FORCE))
			return slot_settle(&course, flow, slot);
	}
	return -EBUSY;
}

/* Takes a flow out of its slot, where nobody else has. */
static __always_inline void flow_leave(struct flow *flow)
{
	struct bucket *bucket = bucket_at(flow->place / BUCKET_SLOTS);
	__u32 slot = flow->place & (BUCKET_SLOTS - 1);

	if (bucket)
		__sync_val_compare_and_swap(&bucket->slots[slot], flow->slot, 0);
}
