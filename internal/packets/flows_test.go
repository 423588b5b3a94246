package packets

import (
	"testing"

	"ctop/tracker/flow"
)

func packet() flow.Packet {
	p := flow.Packet{Direction: flow.Reply, In: 1, From: flow.StateSynRecv, To: flow.StateEstablished}
	p.Ref = flow.Ref{ID: 0x1f, Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:2")}}
	return p
}

// A comment says all that the tracker knows of a packet, in words that a display filter of
// Wireshark finds.
func TestComment(t *testing.T) {
	for want, change := range map[string]func(*flow.Packet){
		"flow=000000000000001f state=SYN_RECV>ESTABLISHED direction=reply verdict=new process=a pid=1": func(*flow.Packet) {},
		"flow=000000000000001f state=ESTABLISHED direction=origin verdict=established process=a pid=1": func(p *flow.Packet) {
			p.From, p.Direction, p.Verdict = flow.StateEstablished, flow.Origin, flow.VerdictEstablished
		},
		"flow=000000000000001f state=SYN_RECV>ended direction=reply verdict=new process=a pid=1": func(p *flow.Packet) { p.To = flow.StateNone },
		"flow=000000000000001f state=ESTABLISHED direction=reply verdict=invalid reason=window action=dropped process=a pid=1": func(p *flow.Packet) {
			p.From, p.Verdict, p.Invalid, p.Dropped = flow.StateNone, flow.VerdictInvalid, flow.InvalidWindow, true
		},
	} {
		p := packet()
		change(&p)
		if got := comment(&p, &known{process: " process=a pid=1"}); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// Of a flow that has ended a packet tells the tuple, the state, the interface and the way:
// those of its first packet.
func TestEndedFlow(t *testing.T) {
	p := packet()
	f := endedFlow(&p)
	if f.ID != 0x1f || f.Tuple != p.Ref.Tuple || f.State != flow.StateEstablished || f.In != 0 || f.Outgoing {
		t.Errorf("%+v", f)
	}
	p.To, p.Direction = flow.StateNone, flow.Origin
	if f = endedFlow(&p); f.State != flow.StateSynRecv || f.In != 1 {
		t.Errorf("%+v", f)
	}
	p.Direction, p.Ref.Tuple.Zone, p.Outgoing = flow.Reply, 1, false
	if f = endedFlow(&p); f.In != 1 || !f.Outgoing {
		t.Errorf("%+v", f)
	}
	p.Outgoing = true
	if f = endedFlow(&p); f.Outgoing {
		t.Errorf("%+v", f)
	}
}

// The result says what is missing, and why.
func TestResult(t *testing.T) {
	for want, r := range map[string]Result{
		"captured 1 packet":  {Written: 1},
		"captured 0 packets": {},
		"captured 5 packets; missed 3 beyond the rate and 2 that came too fast to be written": {Written: 5, Lost: flow.PacketCounts{Copied: 9, OverBudget: 3, NoRoom: 2}},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
