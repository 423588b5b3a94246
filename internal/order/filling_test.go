package order

import (
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

func TestFilling(t *testing.T) {
	s := &flow.Snapshot{}
	add := func(n int, name flow.TimeoutName, timeout, idle, age time.Duration, own bool) {
		for range n {
			f := named(flow.ID(len(s.Flows)+1), flow.ProtocolTCP, flow.StateEstablished, 1, 1)
			f.TimeoutName, f.Timeout, f.Idle, f.Age, f.OwnTimeout = name, timeout, idle, age, own
			s.Flows = append(s.Flows, f)
		}
	}
	add(3, flow.TCPEstablished, 10*time.Hour, 5*time.Hour+1, 48*time.Hour, false)
	add(2, flow.TCPEstablished, 10*time.Hour, 5*time.Hour-time.Minute+1, 23*time.Hour, false)
	add(4, flow.TCPEstablished, 10*time.Hour, 5*time.Hour-time.Minute, 59*time.Minute, false)
	add(5, flow.UDPUnidirectional, 5*time.Minute, 3*time.Minute, 9*time.Minute, false)
	add(6, flow.UDPUnidirectional, 5*time.Minute, 4*time.Minute, 30*time.Second, true)
	f := NewFilling(s)
	want := []Halved{{flow.UDPUnidirectional, 5, 0}, {flow.TCPEstablished, 3, 2}}
	if !slices.Equal(f.Halved, want) || f.Younger != [...]int{6, 11, 15, 17} {
		t.Errorf("%+v", f)
	}
	if name := BySourceNet.Name(f.Net.Key, s); name != "10.0.0.0/24" || f.Net.Flows != 20 {
		t.Errorf("%s with %d", name, f.Net.Flows)
	}
	if name := ByPort.Name(f.Port.Key, s); name != "443" || f.Port.Flows != 20 {
		t.Errorf("%s with %d", name, f.Port.Flows)
	}
	if f := NewFilling(&flow.Snapshot{}); f.Net.Flows != 0 || f.Halved != nil {
		t.Errorf("%+v of nothing", f)
	}
}
