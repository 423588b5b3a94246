package kernel

import (
	"errors"
	"testing"
	"time"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// Where no packet can be sent, as none has come from the far end at an interface, a reset
// counts what it could not send, what is gone and what is no TCP.
func TestBeginResets(t *testing.T) {
	table, _, _, f := connected(t)
	must(t, table.Inject(datagram(false)))
	s, err := table.Read(Clock{}, nil)
	must(t, err)
	var udp, gone flow.Ref
	for i := range s.Flows {
		if s.Flows[i].Tuple.Proto == flow.ProtocolUDP {
			udp = s.Flows[i].Ref()
		}
	}
	gone = f.Ref()
	gone.ID++
	var outcome flow.Outcome
	pending, err := table.beginResets([]flow.Ref{udp, gone}, &outcome)
	if err != nil || len(pending) != 0 || outcome != (flow.Outcome{Gone: 1, NotTCP: 1}) {
		t.Errorf("%d pending, %+v, %v", len(pending), outcome, err)
	}
}

// A flow that is pursued is left until it was silent for long enough, and is then ended.
func TestPursueResets(t *testing.T) {
	table, q, c, f := connected(t)
	r := resetting{ref: f.Ref(), packets: 3, sent: time.Now(), quiet: time.Hour}
	if result, err := table.runReset(&r, bpf.ConntrackResetStepRESET_MARK); err != nil || result != bpf.ConntrackResetResultRESET_LOOKED {
		t.Fatalf("marked: %v, %v", result, err)
	}
	var outcome flow.Outcome
	left, err := table.pursueResets([]resetting{r}, &outcome)
	if err != nil || len(left) != 1 || outcome != (flow.Outcome{}) {
		t.Fatalf("%+v left, %+v, %v", left, outcome, err)
	}
	left[0].quiet = time.Nanosecond
	left, err = table.pursueResets(left, &outcome)
	if err != nil || len(left) != 0 || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v left, %+v, %v", left, outcome, err)
	}
	for ended := false; !ended; {
		e, _ := next(t, q, c)
		if e == nil {
			t.Fatal("it has not ended")
		}
		ended = e.Type == flow.EventDestroy && e.Reason == flow.ReasonReset && e.ID == f.ID
	}
	if err := errors.Join(table.giveUpResets(nil, &outcome)); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
}
