package pair

import (
	"encoding/binary"
	"time"

	"ctop/tracker/flow"
)

// shards is the number of parts of the table that digests tell apart.
const shards = 1024

// settled is the age from which on a flow counts for digests: younger ones may be on their
// way.
const settled = 2 * time.Second

// digest has a sum for each shard.
type digest [shards]uint64

// hashOf is the same on all machines, by key and ID.
func hashOf(key *flow.ToldKey, id flow.ID) uint64 {
	h := uint64(id)
	for i := 0; i < len(key); i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(key[i:])) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>29
}

func shardOf(hash uint64) uint16 { return uint16(hash >> 54) }

// counts reports whether a flow counts for digests.
func counts(g *flow.Glance) bool { return g.Age >= settled && !g.EndMissed() }

func (d *digest) add(hash uint64) { d[shardOf(hash)] += hash }

// differs returns the shards in which two digests differ.
func (d *digest) differs(other *digest) (all []uint16) {
	for i := range d {
		if d[i] != other[i] {
			all = append(all, uint16(i))
		}
	}
	return all
}

func (d *digest) append(b []byte) []byte {
	for _, sum := range d {
		b = binary.LittleEndian.AppendUint64(b, sum)
	}
	return b
}

func parseDigest(b []byte) (d digest, err error) {
	if len(b) < 8*shards {
		return d, errShort
	}
	for i := range d {
		d[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return d, nil
}
