package kernel

import (
	"errors"
	"fmt"

	"ctop/bpf"
	"ctop/tracker/flow"
	"ctop/tracker/socket"
)

// Inspect returns the sockets of this machine that are the ends of a watched TCP flow. A
// socket of another connection with the same tuple is not among them.
func (t *Table) Inspect(ref flow.Ref) (flow.Inspection, error) {
	var found flow.Inspection
	if t.objects.watched == nil || ref.Tuple.Proto != flow.ProtocolTCP {
		return found, nil
	}
	at, err := t.place(ref)
	if err != nil {
		return found, err
	}
	diag, err := socket.Open()
	if errors.Is(err, socket.ErrUnsupported) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	defer diag.Close()
	r := resetting{ref: ref, at: at}
	if result, err := t.findSockets(diag, &r, bpf.ConntrackResetStepRESET_LOOK); err != nil || result != bpf.ConntrackResetResultRESET_LOOKED {
		return found, err
	}
	near := r.endOfSource()
	found.Origin, found.Reply = facts(r.sockets[near]), facts(r.sockets[1-near])
	return found, nil
}

// place returns the watched interface where a flow was seen, zero if that is gone.
func (t *Table) place(ref flow.Ref) (place, error) {
	places, err := t.places()
	if err != nil {
		return place{}, fmt.Errorf("look at %s: %w", ref.Tuple, err)
	}
	return places[keyZone(ref)], nil
}

func facts(s *socket.Socket) *flow.Socket {
	if s == nil {
		return nil
	}
	f := s.Facts()
	return &f
}
