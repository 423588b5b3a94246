package kernel

import (
	"errors"
	"fmt"
	"math"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/socket"
)

// place is a watched interface.
type place struct {
	index uint32
	kernelWatched
}

// places returns the watched interfaces by the zone in the keys of their flows.
func (t *Table) places() (map[[2]uint64]place, error) {
	places := map[[2]uint64]place{}
	var index uint32
	var perCPU []kernelWatched
	each := t.objects.watched.Iterate()
	for each.Next(&index, &perCPU) {
		places[perCPU[0].Zone] = place{index, perCPU[0]}
	}
	if err := each.Err(); err != nil {
		return nil, fmt.Errorf("read the watched interfaces: %w", err)
	}
	return places, nil
}

// keyZone returns the zone of a watched flow as it is in its key.
func keyZone(ref flow.Ref) [2]uint64 {
	return Watched{Position: int(ref.Tuple.Zone) - 1}.toKernel().Zone
}

// beginWatchedResets is beginResets for watched flows. First it marks all of them: one
// connection may be a flow at several interfaces, and the RSTs of one end the others.
func (t *Table) beginWatchedResets(pending []resetting, refs []flow.Ref, outcome *flow.Outcome) ([]resetting, error) {
	places, err := t.places()
	if err != nil {
		return nil, err
	}
	diag, err := socket.Open()
	if errors.Is(err, socket.ErrUnsupported) {
		outcome.NoDestroy, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	defer diag.Close()
	marked := make([]resetting, 0, len(refs))
	for _, ref := range refs {
		at, known := places[keyZone(ref)]
		if !known { // the interface is gone
			outcome.Unsent++
			continue
		}
		r := resetting{ref: ref, packets: math.MaxUint64, at: at}
		result, err := t.findSockets(diag, &r, bpf.ConntrackResetStepRESET_MARK)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reset %s: %w", ref.Tuple, err)
		case result == bpf.ConntrackResetResultRESET_GONE:
			outcome.Gone++
		case result == bpf.ConntrackResetResultRESET_NOT_TCP:
			outcome.NotTCP++
		case result == bpf.ConntrackResetResultRESET_LOOKED:
			marked = append(marked, r)
		default: // a program of another version
			outcome.Unsent++
		}
	}
	return t.sendWatchedResets(diag, pending, marked, outcome)
}

// findSockets finds out which ends of a flow are sockets of this machine, and with the
// step RESET_MARK marks the flow. A socket is looked up before its numbers are compared
// with those of the flow, and later ended by its cookie, so it is that of the flow and no
// other.
func (t *Table) findSockets(diag *socket.Diag, r *resetting, step bpf.ConntrackResetStep) (bpf.ConntrackResetResult, error) {
	if tuple := r.ref.Tuple; tuple.Proto == flow.ProtocolTCP {
		near := r.endOfSource()
		for end, ends := range map[int][2]flow.End{near: {tuple.Src, tuple.Dst}, 1 - near: {tuple.Dst, tuple.Src}} {
			s, ok, err := diag.Find(ends[0], ends[1], int(r.at.index))
			if err != nil {
				return 0, err
			}
			if ok {
				r.sockets[end] = &s
			}
		}
	}
	return t.runReset(r, step)
}

// endOfSource returns which end of the key the source of the flow's tuple is.
func (r *resetting) endOfSource() int {
	k, src := keyFromTuple(r.ref.Tuple), r.ref.Tuple.Src
	if k.Addr[0] == halvesFromEnd(src) && k.Port[0] == networkPort(src.Port()) {
		return 0
	}
	return 1
}

// candidates returns the ends that may be sockets of this machine, a bit each.
func (r *resetting) candidates() (ends uint32) {
	for end, s := range r.sockets {
		if s != nil {
			ends |= 1 << end
		}
	}
	return ends
}

// keepSockets forgets the sockets that are not those of the flow.
func (r *resetting) keepSockets(ends uint32) {
	for end := range r.sockets {
		if ends&(1<<end) == 0 {
			r.sockets[end] = nil
		}
	}
}

// sendWatchedResets ends the sockets of marked flows, and sends RSTs for those that are
// still there.
func (t *Table) sendWatchedResets(diag *socket.Diag, pending, marked []resetting, outcome *flow.Outcome) ([]resetting, error) {
	for i := range marked {
		r := &marked[i]
		for _, s := range r.sockets {
			if s == nil {
				continue
			}
			_, err := diag.Destroy(*s)
			if errors.Is(err, socket.ErrUnsupported) {
				outcome.NoDestroy = true
			} else if err != nil {
				return nil, fmt.Errorf("reset %s: %w", r.ref.Tuple, err)
			}
		}
		r.sockets = [2]*socket.Socket{}
		result, err := t.sendReset(r)
		switch {
		case err != nil:
			return nil, err
		case result == bpf.ConntrackResetResultRESET_GONE:
			outcome.Done++
		case result == bpf.ConntrackResetResultRESET_UNFRAMED:
			outcome.Unsent++
			if _, err := t.runReset(r, bpf.ConntrackResetStepRESET_GIVE_UP); err != nil {
				return nil, err
			}
		default:
			pending = append(pending, *r)
		}
	}
	return pending, nil
}
