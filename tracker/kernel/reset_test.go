package kernel

import (
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"ctop/bpf"
	"ctop/internal/frame"
	"ctop/tracker/flow"
	"ctop/tracker/socket"
)

// A far end has the time for two answers.
func TestQuietTime(t *testing.T) {
	for roundTrip, want := range map[uint32]time.Duration{
		0: resetQuiet, 1: resetQuiet + 2*time.Microsecond, 150_000: resetQuiet + 300*time.Millisecond, math.MaxUint32: resetQuiet + 2*math.MaxUint32*time.Microsecond,
	} {
		if got := quietTime(roundTrip); got != want {
			t.Errorf("%d us: %s, want %s", roundTrip, got, want)
		}
	}
}

// segment is one of a connection, or of the way back.
func segment(back bool, s frame.Segment) []byte {
	s.Sport, s.Dport, s.Window = 40000, 80, 60000
	f := frame.Frame{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: frame.ProtoTCP, L4: s.Bytes()}
	if back {
		s.Sport, s.Dport = s.Dport, s.Sport
		f = f.Reply(s.Bytes())
	}
	return f.Bytes()
}

// connected returns a table with one connection of three packets, and that.
func connected(t *testing.T) (*Table, *Queue, Clock, flow.Flow) {
	t.Helper()
	_, table, q, c := injected(t)
	table.SetSide(0, false)
	if err := errors.Join(table.SetClock(c),
		table.Inject(segment(false, frame.Segment{Flags: frame.SYN, Seq: 1000})),
		table.Inject(segment(true, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001})),
		table.Inject(segment(false, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001}))); err != nil {
		t.Fatal(err)
	}
	s, err := table.Read(c, nil)
	if err != nil || len(s.Flows) != 1 || s.Flows[0].State != flow.StateEstablished {
		t.Fatalf("%+v, error %v", s, err)
	}
	return table, q, c, s.Flows[0]
}

// A flow that had packets until the end is alive when a reset gives up, and what becomes
// of it then is not by that reset; one that was silent has ended.
func TestGiveUpResets(t *testing.T) {
	long := time.Now().Add(-time.Minute)
	for name, tt := range map[string]struct {
		r     resetting
		want  flow.Outcome
		cause flow.Reason
	}{
		"silent":                   {resetting{packets: 3, sent: long}, flow.Outcome{Done: 1}, flow.ReasonReset},
		"silent, as it was before": {resetting{packets: 3, sent: long, unsent: true}, flow.Outcome{Done: 1}, flow.ReasonReset},
		"busy":                     {resetting{packets: 2, sent: long}, flow.Outcome{Alive: 1}, flow.ReasonRST},
		"busy a moment ago":        {resetting{packets: 3, sent: time.Now().Add(time.Minute)}, flow.Outcome{Alive: 1}, flow.ReasonRST},
		"not reached":              {resetting{packets: math.MaxUint64, unsent: true}, flow.Outcome{Unsent: 1}, flow.ReasonRST},
	} {
		table, q, c, f := connected(t)
		r := tt.r
		r.ref = f.Ref()
		if result, err := table.runReset(&r, bpf.ConntrackResetStepRESET_MARK); err != nil || result != bpf.ConntrackResetResultRESET_LOOKED {
			t.Fatalf("%s: marked: %v, %v", name, result, err)
		}
		var got flow.Outcome
		if err := table.giveUpResets([]resetting{r}, &got); err != nil || got != tt.want {
			t.Errorf("%s: %+v, error %v, want %+v", name, got, err, tt.want)
		}
		if err := table.Inject(segment(true, frame.Segment{Flags: frame.RST, Seq: 5001})); err != nil {
			t.Fatal(err)
		}
		for {
			e, _ := next(t, q, c)
			if e == nil {
				t.Errorf("%s: it never ends", name)
				break
			}
			if e.Type == flow.EventDestroy {
				if e.Reason != tt.cause {
					t.Errorf("%s: it ends by %s, want %s", name, e.Reason, tt.cause)
				}
				break
			}
		}
		r.ref.ID++
		got = flow.Outcome{}
		if err := table.giveUpResets([]resetting{r}, &got); err != nil || got != (flow.Outcome{Done: 1}) {
			t.Errorf("%s: when it is gone: %+v, error %v", name, got, err)
		}
	}
}

// A watched flow has the zone of its interface, which is one less than that of its tuple. The
// end of a key that its source is does not depend on the direction of the tuple.
func TestZonesAndEnds(t *testing.T) {
	tuple := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("192.0.2.9:40000"), Dst: flow.MustParseEnd("192.0.2.1:443"), Zone: 3}
	if got := keyZone(flow.Ref{Tuple: tuple}); got != (Watched{Position: 2}).toKernel().Zone || got == (Watched{Position: 3}).toKernel().Zone {
		t.Errorf("the zone is %x", got)
	}
	there, back := resetting{ref: flow.Ref{Tuple: tuple}}, resetting{ref: flow.Ref{Tuple: tuple.Reverse()}}
	if there.endOfSource() != 1-back.endOfSource() {
		t.Errorf("both directions begin at end %d", there.endOfSource())
	}
	key := keyFromTuple(tuple)
	if end := there.endOfSource(); key.Port[end] != networkPort(40000) || key.Addr[end] != halvesFromEnd(tuple.Src) {
		t.Errorf("the source is not end %d of %+v", end, key)
	}
	same := tuple
	same.Dst = flow.EndFrom(tuple.Src.Addr(), 1)
	one := resetting{ref: flow.Ref{Tuple: same}}
	if end, key := one.endOfSource(), keyFromTuple(same); key.Port[end] != networkPort(40000) {
		t.Errorf("between ports of one address the source is not end %d of %+v", end, key)
	}
}

// The ends that may be sockets are a bit each, and those that are not of the flow are forgotten.
func TestCandidates(t *testing.T) {
	for ends := range uint32(4) {
		r := resetting{}
		for end := range r.sockets {
			r.sockets[end] = new(socket.Socket)
		}
		if r.candidates() != 3 {
			t.Errorf("both ends are %b", r.candidates())
		}
		if r.keepSockets(ends); r.candidates() != ends {
			t.Errorf("of %b are kept %b", ends, r.candidates())
		}
	}
}
