package kernel

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// Owned is a flow and what is known of its process.
type Owned struct {
	Tuple flow.Tuple
	// Age is how long ago it began, before the sockets were listed.
	Age time.Duration
	// Sure is set if the process with the PID and the start time has the flow, at an
	// end. Listens is set if somebody at an end listens for it, and has yet to accept it.
	Sure    bool
	Listens bool
	End     flow.Direction
	PID     uint32
	StartNs uint64
}

// Has reports whether the process that was seen with a socket is the flow's.
func (o *Owned) Has(h *Held) bool {
	return o.Sure && o.PID == h.Process.Pid && o.StartNs == h.Process.StartNs
}

// Correct asks of every flow that began before a time, in nanoseconds of
// CLOCK_MONOTONIC, whose it is: the tuple of a later one may have been another's when
// the sockets were listed. decide returns the socket that has it, the end
// of the flow at which that is, and whether something is to be changed; without a socket
// nobody has the flow.
func (t *Table) Correct(w *Who, before uint64, decide func(o *Owned) (h *Held, end flow.Direction, change bool)) error {
	if w.own == nil {
		return nil
	}
	var failed error
	err := t.objects.mapping.each(func(place int, v *kernelFlow) {
		at := t.objects.mapping.ownerAt(place)
		if at == nil || failed != nil || v.CreatedNs >= before {
			return
		}
		var known kernelOwner
		o := Owned{Tuple: tupleFromKey(&v.Key, hasFlag(v.Control, bpf.ConntrackFlowFlagFLOW_REVERSED)), Age: time.Duration(before - v.CreatedNs)}
		if copyOwner(&known, at, v) {
			o.Sure = known.Control&ownerStatus == ownerSure
			o.Listens, o.PID, o.StartNs = !o.Sure, known.Process.Pid, known.Process.StartNs
			if known.Control&ownerReply != 0 {
				o.End = flow.Reply
			}
		}
		if h, end, change := decide(&o); change {
			failed = w.setOwner(place, v, h, end)
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// setOwner sets the owner of a flow, unless its place was given to another flow.
func (w *Who) setOwner(place int, v *kernelFlow, h *Held, end flow.Direction) error {
	args := bpf.WhoOwnArgs{Place: uint32(place), Tag: uint32(v.Control >> 32)}
	if h != nil {
		*(*kernelProcess)(unsafe.Pointer(&args.Process)) = h.Process
		args.Flags = ownerSure
		if end == flow.Reply {
			args.Flags |= ownerReply
		}
	}
	if _, err := w.own.Run(&ebpf.RunOptions{Context: args}); err != nil {
		return fmt.Errorf("set the process of a flow: %w", err)
	}
	return nil
}
