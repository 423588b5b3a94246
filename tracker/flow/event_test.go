package flow_test

import (
	"testing"

	"ctop/tracker/flow"
)

// The flow of an event has what the event says, in the state that it was in at last.
func TestEventFlow(t *testing.T) {
	e := flow.Event{
		Type: flow.EventUpdate, ID: 7, From: flow.StateSynRecv, To: flow.StateEstablished, Age: 9,
		Tuple:  flow.Tuple{Proto: flow.ProtocolTCP},
		Origin: flow.Half{Packets: 1}, Reply: flow.Half{Packets: 2}, Invalid: 3, Related: 4, ClosedBy: flow.CloserReply,
	}
	want := flow.Flow{
		ID: 7, State: flow.StateEstablished, Age: 9, Tuple: e.Tuple,
		Origin: e.Origin, Reply: e.Reply, Invalid: 3, Related: 4, ClosedBy: flow.CloserReply,
	}
	if got := e.Flow(); *got != want {
		t.Errorf("%+v", got)
	}
	e.Type, want.State = flow.EventDestroy, flow.StateSynRecv
	if got := e.Flow(); *got != want {
		t.Errorf("%+v at the end", got)
	}
}

func TestProtocolNames(t *testing.T) {
	for p := range 256 {
		name := flow.Protocol(p).String()
		if got, ok := flow.ProtocolNamed(name); ok && got != flow.Protocol(p) {
			t.Errorf("%s is %d, not %d", name, got, p)
		}
	}
	if _, ok := flow.ProtocolNamed(""); ok {
		t.Error("nothing is the name of a protocol")
	}
	if p, ok := flow.ProtocolNamed("TCP"); !ok || p != flow.ProtocolTCP {
		t.Error("TCP is not known")
	}
}
