/* SPDX-License-Identifier: GPL-2.0 */
/* How a flow is found by its key, and entered under it.
 *
 * A bucket is a cache line of eight slots; a slot tells where a flow lies, and 30 bits
 * of its key's hash, so that hardly ever another flow is looked at in vain. A key
 * names two buckets. Its flow is in the first one, unless that was three quarters
 * full. The last slot of a bucket says whether that was ever so, and if not, nobody
 * looks at the second one. There are two slots for each flow that the table has room
 * for, so that two full buckets are met hardly ever, and not by anybody's design: the
 * hash is keyed.
 *
 * Nobody waits for anybody. A flow is written whole, then put into an empty slot, not
 * in force yet. Then the buckets are looked at again: of several that begin one flow
 * at once the first in order takes the others out, or finds one in force, and gives
 * way. What is left makes its slot one in force. docs/decisions/0006 has the proof. */
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
 * the slot is in force, and the one above it is always set. Zero is an empty slot.
 *
 * The last slot is not zero any more once it was used, or the bucket spilled: a flow
 * went to its second bucket. If it is empty then, it has this instead. */
#define SLOT_IN_FORCE 1ULL
#define SLOT_USED 2ULL
#define SLOT_TAG_BITS (SLOT_IN_FORCE | SLOT_USED)
#define SLOT_SPILLED 4ULL
#define LAST_SLOT (BUCKET_SLOTS - 1)

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

/* What an empty slot has that was in use. */
static __always_inline __u64 slot_empty(__u32 index)
{
	return (index & LAST_SLOT) == LAST_SLOT ? SLOT_SPILLED : 0;
}

/* Takes a slot, if it is empty still. */
static __always_inline bool slot_take(__u64 *slot, __u64 word)
{
	__u64 was = READ_ONCE(*slot);

	return !(was & SLOT_USED) &&
	       __sync_val_compare_and_swap(slot, was, word) == was;
}

static __always_inline bool bucket_spilled(const struct bucket *bucket)
{
	return READ_ONCE(bucket->slots[LAST_SLOT]);
}

/* Makes whoever looks for a key in the bucket look in its second one, too. */
static __always_inline void bucket_spill(struct bucket *bucket)
{
	if (!bucket_spilled(bucket))
		__sync_val_compare_and_swap(&bucket->slots[LAST_SLOT], 0,
					    SLOT_SPILLED);
}

/* The flow with that key in a bucket: its number, or zero. */
static __always_inline __u32 bucket_find(const struct bucket *bucket, __u32 tag,
					 const __u64 *words)
{
	__u64 i;

	if (!bucket)
		return 0;
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]);
		struct flow *flow;

		if ((__u32)slot != tag)
			continue;
		flow = flow_at(slot >> 32);
		if (flow && flow_has_key(flow, words) && !flow_has_ended(flow))
			return (slot >> 32) + 1;
	}
	return 0;
}

/* Looks a flow up. Returns its number, zero where there is none. */
__noinline __u32 flow_look_up(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	const struct bucket *bucket;
	__u32 number;
	__u64 hash;

	if (!key)
		return 0;
	hash = key_hash(words);
	bucket = bucket_at(first_bucket(hash));
	number = bucket_find(bucket, hash_tag(hash), words);
	if (number || !bucket || !bucket_spilled(bucket))
		return number;
	return bucket_find(bucket_at(second_bucket(hash)), hash_tag(hash),
			   words);
}

/* The place of a key's flow, NULL where there is none. flow_living() says whose it is
 * then. */
static __always_inline struct flow *flow_find(const struct flow_key *key)
{
	return flow_numbered(flow_look_up(key));
}

/* Of a flow that is in no slot yet: below all slots. */
#define NO_RANK (2 * BUCKET_SLOTS)

/* Looks at the slots of a bucket that have the flow's tag, but for its own, for another
 * flow of the key that goes before it: 0, or -EEXIST where there is one. The slots of
 * both buckets are ranked, this one's from base on; rank is that of the flow's own.
 *
 * One that has ended stays: at any moment a new flow of the key may be in its slot, in
 * the same place. A later draft is taken out: whosever it is then has to give way. */
__noinline int bucket_rivals(struct flow *flow, __u32 index, __u32 base,
			     __u32 rank)
{
	struct bucket *bucket = bucket_at(index);
	__u64 i;

	if (!flow || !bucket)
		return -EINVAL;
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]), was;
		struct flow *other;

		if (((__u32)slot | SLOT_IN_FORCE) != (__u32)flow->slot ||
		    base + i == rank)
			continue;
		other = flow_at(slot >> 32);
		if (!other || !flow_has_key(other, (const __u64 *)&flow->key))
			continue;
		if (slot & SLOT_IN_FORCE) {
			if (!flow_has_ended(other))
				return -EEXIST;
			continue;
		}
		if (base + i < rank)
			return -EEXIST;
		was = __sync_val_compare_and_swap(&bucket->slots[i], slot,
						  slot_empty(i));
		if (was == (slot | SLOT_IN_FORCE))
			return -EEXIST;
	}
	return 0;
}

/* Whether a slot has a tag, in force or not: one, or zero. Without branches, which
 * nobody could foretell. */
static __always_inline __u64 slot_has(__u64 slot, __u32 tag)
{
	__u64 differs = ((__u32)slot | SLOT_IN_FORCE) ^ tag;

	return (differs - 1) >> 63;
}

/* What there is in a bucket: a bit for each slot that is used, and above them how many
 * have a tag. */
static __always_inline __u32 bucket_look(const struct bucket *bucket, __u32 tag)
{
	__u32 look = 0;
	int i;

#pragma unroll
	for (i = 0; i < BUCKET_SLOTS; i++) {
		__u64 slot = READ_ONCE(bucket->slots[i]);

		look |= (slot >> 1 & 1) << i;
		look += slot_has(slot, tag) << BUCKET_SLOTS;
		/* One slot after the other: the stack is short. */
		asm volatile("" : "+r"(look));
	}
	return look;
}

#define LOOK_USED(look) ((look)&0xff)
#define LOOK_TAGGED(look) ((look) >> BUCKET_SLOTS)

/* How many slots of a bucket have a tag. */
static __always_inline __u32 bucket_tagged(const struct bucket *bucket,
					   __u32 tag)
{
	__u32 n = 0;
	int i;

#pragma unroll
	for (i = 0; i < BUCKET_SLOTS; i++) {
		n += slot_has(READ_ONCE(bucket->slots[i]), tag);
		asm volatile("" : "+r"(n));
	}
	return n;
}

/* How many bits of eight are set. */
static __always_inline __u32 bits_set(__u32 bits)
{
	bits -= bits >> 1 & 0x55;
	bits = (bits & 0x33) + (bits >> 2 & 0x33);
	return (bits + (bits >> 4)) & 0xf;
}

/* The lowest slot that is not used, BUCKET_SLOTS where all are. */
static __always_inline __u32 first_empty(__u32 used)
{
	return bits_set((~used & (used + 1)) - 1);
}

/* Both buckets of a key. */
struct pair {
	__u32 first;
	__u32 second;
};

/* Whether another flow of the key goes before the one of that rank. */
static __always_inline int pair_taken(const struct pair *pair,
				      struct flow *flow, __u32 rank)
{
	int err = bucket_rivals(flow, pair->first, 0, rank);

	if (!err && pair->second != pair->first)
		err = bucket_rivals(flow, pair->second, BUCKET_SLOTS, rank);
	return err;
}

/* Makes the slot of a flow one in force, unless another flow of the key goes before
 * it. Then it is empty again. */
static __always_inline int slot_settle(const struct pair *pair,
				       struct flow *flow,
				       const struct bucket *first,
				       const struct bucket *second, __u64 *slot,
				       __u32 rank)
{
	__u64 word = flow->slot, drafted = word ^ SLOT_IN_FORCE;
	__u32 tagged = bucket_tagged(first, word);

	if (pair->first != pair->second && bucket_spilled(first))
		tagged += bucket_tagged(second, word);
	/* One is its own. */
	if (tagged != 1 && pair_taken(pair, flow, rank)) {
		__sync_val_compare_and_swap(slot, drafted, slot_empty(rank));
		return -EEXIST;
	}
	if (__sync_val_compare_and_swap(slot, drafted, word) != drafted)
		return -EEXIST;
	return 0;
}

/* How often a slot is looked for that others do not take first. */
#define MAX_SLOT_TRIES 3

/* Enters a flow that is written but for its control under its key. Returns 0, or
 * -EEXIST where there is a flow of that key already, or another packet is about to
 * enter one; -ENOSPC where both buckets are full; -EBUSY where others took the
 * slots that were empty. */
static __always_inline int flow_enter(struct flow *flow)
{
	struct bucket *first, *second;
	struct pair pair;
	__u64 hash, i;

	hash = key_hash((const __u64 *)&flow->key);
	flow->slot = (flow->slot & ~0xffffffffULL) | hash_tag(hash);
	pair.first = first_bucket(hash);
	pair.second = second_bucket(hash);
	first = bucket_at(pair.first);
	second = bucket_at(pair.second);
	if (!first || !second)
		return -EINVAL;
	for (i = 0; i < MAX_SLOT_TRIES; i++) {
		__u32 one = bucket_look(first, flow->slot), two = 0;
		__u32 rank, full = bits_set(LOOK_USED(one));
		__u64 *slot;
		int err;

		if (full >= BUCKET_ENOUGH || bucket_spilled(first))
			two = bucket_look(second, flow->slot);
		if (LOOK_TAGGED(one) | LOOK_TAGGED(two)) {
			err = pair_taken(&pair, flow, NO_RANK);
			if (err)
				return err;
		}
		rank = first_empty(LOOK_USED(one));
		slot = &first->slots[rank & LAST_SLOT];
		flow->place = pair.first * BUCKET_SLOTS + rank;
		if (full >= BUCKET_ENOUGH && bits_set(LOOK_USED(two)) < full) {
			bucket_spill(first);
			rank = first_empty(LOOK_USED(two));
			slot = &second->slots[rank & LAST_SLOT];
			flow->place = pair.second * BUCKET_SLOTS + rank;
			rank += BUCKET_SLOTS;
		} else if (rank == BUCKET_SLOTS) {
			return -ENOSPC;
		}
		if (slot_take(slot, flow->slot ^ SLOT_IN_FORCE))
			return slot_settle(&pair, flow, first, second, slot,
					   rank);
	}
	return -EBUSY;
}

/* Takes a flow out of its slot, where nobody else has. */
static __always_inline void flow_leave(struct flow *flow)
{
	struct bucket *bucket = bucket_at(flow->place / BUCKET_SLOTS);
	__u32 slot = flow->place & LAST_SLOT;

	if (bucket)
		__sync_val_compare_and_swap(&bucket->slots[slot], flow->slot,
					    slot_empty(slot));
}
