package main

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	reference "ctop/internal/bench/bpf"
)

// step is one packet of a staged conversation.
type step struct {
	flags    uint8
	seq, ack uint32
	reply    bool
}

// staging configures how ref_stage alters a frame.
type staging struct {
	// flows is the number of flows to choose from, a power of two; zero uses a
	// new flow each time.
	flows int
	// first is the first client of new flows.
	first  uint32
	script []step
	// sum is the sum of the IPv4 header's words without checksum and client.
	sum  uint32
	macs [12]byte
}

// randomly stages the frame for a random flow, each segment in order. A later
// number would leave a gap, an earlier one would be a retransmission, and both
// take the slow path.
func (f frame) randomly(flows int) staging {
	return staging{
		flows: flows, sum: f.headerSum(), macs: f.macs,
		script: []step{{flags: f.flags, seq: clientSeq, ack: serverSeq}},
	}
}

// conversation is a connection that is opened, used and closed normally, in ten
// packets.
func conversation() []step {
	const c, s = clientSeq, serverSeq
	return []step{
		{flags: flagSYN, seq: c - 1},
		{flags: flagSYN | flagACK, seq: s - 1, ack: c, reply: true},
		{flags: flagACK, seq: c, ack: s},
		{flags: flagACK | flagPSH, seq: c, ack: s},
		{flags: flagACK, seq: s, ack: c, reply: true},
		{flags: flagACK | flagPSH, seq: s, ack: c, reply: true},
		{flags: flagACK, seq: c, ack: s},
		{flags: flagFIN | flagACK, seq: c, ack: s},
		{flags: flagFIN | flagACK, seq: s, ack: c + 1, reply: true},
		{flags: flagACK, seq: c + 1, ack: s + 1},
	}
}

// apply configures a collection's ref_stage to call the subject.
func (s staging) apply(c *ebpf.Collection, subject *ebpf.Program) error {
	state := reference.ReferenceStage{
		Random: 0x9e3779b97f4a7c15, Next: s.first, Steps: uint32(len(s.script)),
	}
	if s.flows > 0 {
		state.Mask = uint32(s.flows - 1)
	} else {
		state.Ordered = 1
	}
	server := server4.As4()
	client := client4.As4()
	state.Server = binary.NativeEndian.Uint32(server[:])
	state.Client = binary.BigEndian.Uint32(client[:])
	state.Sum = s.sum
	for i := range state.Macs {
		state.Macs[i] = binary.NativeEndian.Uint32(s.macs[4*i:])
	}
	for i, step := range s.script {
		to := &state.Script[i]
		to.Seq, to.Ack, to.Flags = step.seq, step.ack, step.flags
		if step.reply {
			to.Reply = 1
		}
	}
	if err := c.Variables["staging"].Set(state); err != nil {
		return fmt.Errorf("set the stage: %w", err)
	}
	return c.Maps["subject"].Put(uint32(0), subject)
}

// headerSum adds the words of the frame's IPv4 header, without checksum and
// client, in memory byte order.
func (f frame) headerSum() (sum uint32) {
	header := f.whole().Packet()[:20]
	for i := 0; i < len(header); i += 2 {
		if i != 10 && i != 12 && i != 14 {
			sum += uint32(binary.NativeEndian.Uint16(header[i:]))
		}
	}
	return sum
}

// inOrder stages a script for new flows, one after another.
func (f frame) inOrder(script []step) staging {
	return staging{script: script, sum: f.headerSum(), macs: f.macs}
}
