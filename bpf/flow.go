package bpf

import "unsafe"

// ID returns the number of the flow. No other flow of this machine has had it.
// Its low half is the tag in Control.
func (f *ConntrackFlow) ID() uint64 { return f.Id }

// Ended reports whether the entry is no flow, or no longer one.
func (f *ConntrackFlow) Ended() bool { return f.Control&0x3f == uint64(ConntrackFlowStateSTATE_NONE) }

// Traffic returns what the packets of a direction write.
func (f *ConntrackFlow) Traffic(d int) *ConntrackFlowTraffic {
	if d == 0 {
		return &f.Origin
	}
	return &f.Reply
}

// words are a key as the programs hash it.
func (k *ConntrackFlowKey) words() *[6]uint64 { return (*[6]uint64)(unsafe.Pointer(k)) }

// hash is key_hash of bucket.h.
func (h *ConntrackHashing) hash(k *ConntrackFlowKey) uint64 {
	sum := h.Sum
	for i, word := range k.words() {
		sum += (h.Factors[2*i] + uint64(uint32(word))) * (h.Factors[2*i+1] + word>>32)
	}
	return sum ^ sum>>32
}

// buckets are the two that a hash leads to.
func (h *ConntrackHashing) buckets(hash uint64) (first, second uint32) {
	mixed := hash * h.Mixer
	return h.bucket(uint32(mixed >> 32)), h.bucket(uint32(mixed))
}

func (h *ConntrackHashing) bucket(part uint32) uint32 {
	return uint32(uint64(part) * uint64(h.Buckets) >> 32)
}
