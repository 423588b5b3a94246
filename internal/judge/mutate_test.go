package judge

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// generate returns the n-th sequence of a seed.
func generate(seed, n uint64) *script.Sequence {
	r := rand.New(rand.NewPCG(seed, n))
	s := &script.Sequence{
		Name: fmt.Sprintf("seed=%d n=%d", seed, n),
		V6:   r.IntN(8) == 0, Enforce: r.IntN(3) == 0,
	}
	if r.IntN(20) == 0 {
		s.Steps = chatter(r)
		return s
	}
	s.Steps = converse(r)
	if r.IntN(6) == 0 { // the same ports again
		s.Steps = append(s.Steps, renewed(r, s.Steps)...)
	}
	for range mutations(r) {
		s.Steps = mutate(r, s.Steps)
	}
	return s
}

// mutations returns a number of mutations: mostly small, so that the effect of
// one is visible.
func mutations(r *rand.Rand) int {
	return []int{0, 1, 1, 1, 2, 2, 3, 6}[r.IntN(8)]
}

// chatter returns packets without a handshake, in any order.
func chatter(r *rand.Rand) []script.Step {
	kinds := [][]script.Kind{{script.UDP, script.UDP, script.Quote}, {script.Echo, script.EchoReply}, {script.ESP}, {script.UDP, script.Echo, script.EchoReply, script.ESP}}[r.IntN(4)]
	var steps []script.Step
	for range 1 + r.IntN(8) {
		s := script.Step{
			Kind: kinds[r.IntN(len(kinds))], Reply: r.IntN(2) == 0,
			Len: uint16(r.IntN(300)), Scale: script.NoScale,
		}
		// A quote needs a packet to quote.
		if s.Kind == script.Quote && !slices.ContainsFunc(steps, func(o script.Step) bool { return o.Reply != s.Reply }) {
			continue
		}
		steps = append(steps, s)
	}
	return steps
}

// renewed is another conversation of the same ends, with numbers above the old
// ones, as RFC 9293 3.4.1 requires.
func renewed(r *rand.Rand, old []script.Step) []script.Step {
	steps := converse(r)
	if len(old) == 0 || len(steps) == 0 {
		return steps
	}
	var shift [2]uint32
	for d := range 2 {
		shift[d] = highest(old, d) + 1 + uint32(r.IntN(1<<20)) - lowest(steps, d)
	}
	for i := range steps {
		d := steps[i].Dir()
		steps[i].Seq += shift[d]
		if steps[i].Flags&frame.ACK != 0 {
			steps[i].Ack += shift[1-d]
			steps[i].Sack[0] += shift[1-d]
			steps[i].Sack[1] += shift[1-d]
		}
	}
	return steps
}

func highest(steps []script.Step, d int) (seq uint32) {
	found := false
	for i := range steps {
		if steps[i].Dir() == d && (!found || after(steps[i].End(), seq)) {
			seq, found = steps[i].End(), true
		}
	}
	return seq
}

func lowest(steps []script.Step, d int) uint32 {
	for i := range steps {
		if steps[i].Dir() == d {
			return steps[i].Seq
		}
	}
	return 0
}

// mutate applies one fault of networks, bugs or attackers to the steps.
func mutate(r *rand.Rand, steps []script.Step) []script.Step {
	if len(steps) == 0 {
		return steps
	}
	steps = slices.Clone(steps)
	i := r.IntN(len(steps))
	switch r.IntN(15) {
	case 0, 1:
		return slices.Delete(steps, i, i+1)
	case 2:
		return slices.Insert(steps, i+r.IntN(len(steps)-i)+1, steps[i])
	case 3, 4:
		s := steps[i]
		steps = slices.Delete(steps, i, i+1)
		return slices.Insert(steps, min(len(steps), max(0, i+r.IntN(9)-4)), s)
	case 5:
		corruptFlags(r, &steps[i])
	case 6:
		steps[i].Seq = corruptNumber(r, steps[i].Seq)
	case 7:
		steps[i].Ack = corruptNumber(r, steps[i].Ack)
	case 8:
		steps[i].Window = uint16(r.IntN(1 << 16))
	case 9, 10:
		return slices.Insert(steps, i, blind(r, steps, i))
	case 11:
		return crossed(r, steps)
	case 12:
		return refused(r, steps)
	case 13:
		steps[i].Spoiled = steps[i].Kind != script.ESP
	case 14:
		narrow(r, steps[i:])
	}
	return steps
}

// narrow puts a router with a small MTU on the path of one direction, for all
// remaining steps or for one packet.
func narrow(r *rand.Rand, steps []script.Step) {
	size := uint16(24 + 8*r.IntN(60))
	one, d := r.IntN(2) == 0, steps[0].Dir()
	for i := range steps {
		s := &steps[i]
		if s.Dir() != d || s.Kind == script.Quote || s.Has(frame.SYN) || s.Sack[0] != s.Sack[1] {
			continue // a TCP header with options may not fit the first fragment
		}
		s.MTU = 48 + size
		if one {
			return
		}
	}
}

// refused sends a late or a new SYN to an end that does not know the
// connection.
func refused(r *rand.Rand, steps []script.Step) []script.Step {
	i := slices.IndexFunc(steps, func(s script.Step) bool { return s.Kind == script.TCP && s.Flags == frame.SYN })
	if i < 0 {
		return steps
	}
	syn := steps[i]
	if r.IntN(2) == 0 {
		syn.Seq = corruptNumber(r, syn.Seq)
	}
	answer := script.Step{
		Flags: frame.RST | frame.ACK, Reply: !syn.Reply, Crossed: syn.Crossed, Ack: syn.End(), Scale: script.NoScale,
	}
	return slices.Insert(steps, i+1+r.IntN(len(steps)-i), syn, answer)
}

func corruptFlags(r *rand.Rand, s *script.Step) {
	if r.IntN(4) == 0 {
		s.Flags = uint8(r.IntN(256))
		return
	}
	s.Flags = []uint8{frame.SYN, frame.SYN | frame.ACK, frame.ACK, frame.FIN | frame.ACK, frame.RST, frame.RST | frame.ACK, frame.SYN | frame.URG, frame.FIN, frame.FIN | frame.ACK | frame.URG, 0}[r.IntN(10)]
}

// corruptNumber returns a number that is off by one, by a bit, by about a
// window, or by anything.
func corruptNumber(r *rand.Rand, n uint32) uint32 {
	switch r.IntN(5) {
	case 0:
		return n + 1
	case 1:
		return n - 1
	case 2:
		return n + uint32(r.IntN(4000)) - 2000
	case 3:
		return n + uint32(r.IntN(400_000)) - 200_000
	}
	return r.Uint32()
}

// blind is a packet by an attacker who knows the tuple, and the numbers at that
// point more or less well.
func blind(r *rand.Rand, steps []script.Step, at int) script.Step {
	s := steps[at]
	if r.IntN(2) == 0 {
		s.Reply = !s.Reply
		s.Seq, s.Ack = s.Ack, s.Seq
	}
	s.Kind, s.Len = script.TCP, 0
	s.Sack = [2]uint32{}
	corruptFlags(r, &s)
	if r.IntN(3) > 0 {
		s.Seq = corruptNumber(r, s.Seq)
	}
	if r.IntN(3) > 0 {
		s.Ack = corruptNumber(r, s.Ack)
	}
	return s
}

// crossed interleaves another conversation, with the same tuple or with the
// ports exchanged, begun by either end.
func crossed(r *rand.Rand, steps []script.Step) []script.Step {
	other := converse(r)
	turned, ports := r.IntN(2) == 0, r.IntN(2) == 0
	for i := range other {
		other[i].Reply = other[i].Reply != turned
		other[i].Crossed = ports
	}
	var woven []script.Step
	for len(steps) > 0 || len(other) > 0 {
		from := &steps
		if len(steps) == 0 || len(other) > 0 && r.IntN(2) == 0 {
			from = &other
		}
		woven = append(woven, (*from)[0])
		*from = (*from)[1:]
	}
	return woven
}
