package kernel

import (
	"sync/atomic"
	"unsafe"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/process"
)

// The process behind a flow lies in an array beside the flows (owner.h in bpf).

type (
	kernelOwner   = bpf.ConntrackOwner
	kernelProcess = bpf.ConntrackProcess
)

const (
	ownerStatus   = 0xff
	ownerListener = uint64(bpf.ConntrackOwnerStatusOWNER_LISTENER)
	ownerSure     = uint64(bpf.ConntrackOwnerStatusOWNER_SURE)
	// ownerReply is OWNER_REPLY of owner.h.
	ownerReply = 1 << 8
)

// seen returns a process as [process.Book] takes it.
func seen(p *kernelProcess) process.Seen {
	return process.Seen{
		StartNs: p.StartNs, Cgroup: p.Cgroup, PID: p.Pid, UID: p.Uid,
		Name: *(*[len(p.Name)]byte)(unsafe.Pointer(&p.Name)),
	}
}

// copyOwner copies the owner of the flow v from its place, and reports whether there is
// one.
func copyOwner(to, place *kernelOwner, v *kernelFlow) bool {
	before := atomic.LoadUint64(&place.Control)
	if before>>32 != v.Control>>32 || before&ownerStatus < ownerListener {
		return false
	}
	*to = *place
	to.Control = before
	return atomic.LoadUint64(&place.Control) == before
}

// holding returns what a process has to do with a flow.
func (t *Table) holding(o *kernelOwner) flow.Holding {
	if o.Control&ownerStatus < ownerListener {
		return flow.Holding{}
	}
	s := seen(&o.Process)
	return holdingOf(o, t.book.Process(&s))
}

func holdingOf(o *kernelOwner, p *flow.Process) flow.Holding {
	h := flow.Holding{Process: p, Listens: o.Control&ownerStatus == ownerListener}
	if o.Control&ownerReply != 0 {
		h.End = flow.Reply
	}
	return h
}

// recentOwners are the processes of the latest events by the last digits of their PIDs:
// events come in bursts, most of them of the same few.
type recentOwners [16]struct {
	process kernelProcess
	known   *flow.Process
}

// holding is [Table.holding] for an event. With fresh the processes are looked at again.
func (r *recentOwners) holding(t *Table, o *kernelOwner, fresh bool) flow.Holding {
	if fresh {
		clear(r[:])
	}
	if o.Control&ownerStatus < ownerListener {
		return flow.Holding{}
	}
	e := &r[o.Process.Pid%uint32(len(r))]
	if e.known == nil || e.process != o.Process {
		h := t.holding(o)
		e.process, e.known = o.Process, h.Process
		return h
	}
	return holdingOf(o, e.known)
}

// ownerOf sets what is known of a flow's process.
func (t *Table) ownerOf(h *flow.Holding, at int, v *kernelFlow) {
	var o kernelOwner
	if place := t.objects.mapping.ownerAt(at); place != nil && copyOwner(&o, place, v) {
		inherited := h.Inherited
		*h = t.holding(&o)
		h.Inherited = inherited
	}
}

// ownerAt returns where the owner of the flow at a place lies, nil if nobody looks for
// owners. The caller is inside [mapping.use].
func (m *mapping) ownerAt(at int) *kernelOwner {
	if len(m.owned) <= 1 || at >= len(m.owned) {
		return nil
	}
	return &m.owned[at]
}

// NamesProcesses reports whether the programs look for the process behind a flow.
func (k *Objects) NamesProcesses() bool { return k.owners.MaxEntries() > 1 }
