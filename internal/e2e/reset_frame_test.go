package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// framing puts an IP packet of an ethertype behind link headers.
type framing func(ethertype uint16, packet []byte) []byte

func tagged(tags ...tag) framing {
	return func(ethertype uint16, packet []byte) (b []byte) {
		for _, one := range tags {
			b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, one.kind), one.id)
		}
		return append(binary.BigEndian.AppendUint16(b, ethertype), packet...)
	}
}

// inSession is PPPoE, below a tag if there is one.
func inSession(outer ...tag) framing {
	return func(ethertype uint16, packet []byte) []byte {
		protocol := uint16(0x0021)
		if ethertype == frame.EtherIPv6 {
			protocol = 0x0057
		}
		b := binary.BigEndian.AppendUint16([]byte{0x11, 0, 0x12, 0x34}, uint16(len(packet)+2))
		return tagged(outer...)(0x8864, append(binary.BigEndian.AppendUint16(b, protocol), packet...))
	}
}

// labelled is MPLS with one label.
func labelled(_ uint16, packet []byte) []byte {
	return append([]byte{0x88, 0x47, 0, 0x10, 0x01, 64}, packet...)
}

// pretence is a connection whose ends exist in frames only. The answers come from another
// Ethernet address than the one that the requests go to, as from a pair of routers.
type pretence struct {
	framing   framing
	src, dst  netip.Addr
	toServer  []byte
	toClient  []byte
	requester *lab.Host
	responder *lab.Host
}

func (k pretence) frame(back bool, s frame.Segment, fragment uint16) []byte {
	s.Sport, s.Dport = 40000, 443
	f := frame.Frame{Src: k.src, Dst: k.dst, Proto: frame.ProtoTCP, L4: s.Bytes(), Fragment: fragment}
	macs, ethertype := k.toServer, uint16(frame.EtherIPv6)
	if back {
		s.Sport, s.Dport = s.Dport, s.Sport
		f, macs = f.Reply(s.Bytes()), k.toClient
	}
	if k.src.Is4() {
		ethertype = frame.EtherIPv4
	}
	return append(slices.Clone(macs), k.framing(ethertype, f.Packet())...)
}

func (k pretence) play(t *testing.T) {
	t.Helper()
	for _, step := range []struct {
		back bool
		s    frame.Segment
	}{
		{false, frame.Segment{Flags: frame.SYN, Seq: 1000, Window: 60000}},
		{true, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Window: 60000}},
		{false, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Window: 60000}},
		{false, frame.Segment{Flags: frame.ACK, Seq: 1001, Ack: 5001, Window: 60000, Payload: 100}},
		{true, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: 1101, Window: 60000}},
	} {
		from, to := k.requester, k.responder
		if step.back {
			from, to = to, from
		}
		capture, err := to.Capture()
		if err != nil {
			t.Fatal(err)
		}
		sent := k.frame(step.back, step.s, 0)
		if err := from.Inject(sent); err != nil {
			t.Fatal(err)
		}
		sees(t, capture, sent)
	}
}

// sees waits until a frame arrives.
func sees(t *testing.T, capture *lab.Capture, want []byte) {
	t.Helper()
	defer func() { _ = capture.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	for {
		f, err := capture.Next(ctx)
		if err != nil {
			t.Fatalf("% x never arrives: %v", want, err)
		}
		if !f.Outgoing && bytes.Equal(f.Data, want) {
			return
		}
	}
}

// A RST looks like the other end's packets: its Ethernet addresses, its tags, its
// session, its numbers, and right checksums.
func TestResetFrames(t *testing.T) {
	for _, mode := range []flow.Mode{flow.ModeNative, flow.ModeTC, flow.ModeGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			for name, framing := range map[string]framing{
				"untagged":         tagged(),
				"VLAN":             tagged(tag{0x8100, 42}),
				"service VLAN":     tagged(tag{0x88a8, 42}),
				"QinQ":             tagged(tag{0x88a8, 42}, tag{0x8100, 7}),
				"old QinQ":         tagged(tag{0x9100, 42}, tag{0x8100, 7}),
				"three tags":       tagged(tag{0x88a8, 42}, tag{0x88a8, 43}, tag{0x8100, 7}),
				"PPPoE":            inSession(),
				"PPPoE in a VLAN":  inSession(tag{0x8100, 7}),
				"PPPoE below QinQ": inSession(tag{0x88a8, 42}, tag{0x8100, 7}),
			} {
				for _, ends := range [][2]string{{"192.0.2.1", "198.51.100.2"}, {"2001:db8::1", "2001:db8:1::2"}} {
					k := pretence{
						framing: framing, src: netip.MustParseAddr(ends[0]), dst: netip.MustParseAddr(ends[1]),
						toServer: []byte{2, 1, 2, 3, 4, 0x22, 2, 1, 2, 3, 4, 0x11}, toClient: []byte{2, 1, 2, 3, 4, 0x11, 2, 1, 2, 3, 4, 0x33},
						requester: r.Client, responder: r.Server,
					}
					t.Run(name+" "+ends[0], func(t *testing.T) { r.resetFrames(t, k) })
				}
			}
		})
	}
}

func (r *rig) resetFrames(t *testing.T, k pretence) {
	k.play(t)
	f := r.flow("tcp", flow.StateEstablished)
	fromServer, err := r.Client.Capture()
	if err != nil {
		t.Fatal(err)
	}
	fromClient, err := r.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	const keepWhole = 0x4000
	sees(t, fromClient, k.frame(false, frame.Segment{Flags: frame.RST | frame.ACK, Seq: 1101, Ack: 5001}, keepWhole))
	sees(t, fromServer, k.frame(true, frame.Segment{Flags: frame.RST | frame.ACK, Seq: 5001, Ack: 1101}, keepWhole))
	r.none("tcp")
}

// newPretence returns a connection over a plain wire.
func newPretence(r *rig) pretence {
	return pretence{
		framing: tagged(), src: netip.MustParseAddr("192.0.2.1"), dst: netip.MustParseAddr("198.51.100.2"),
		toServer: []byte{2, 1, 2, 3, 4, 0x22, 2, 1, 2, 3, 4, 0x11}, toClient: []byte{2, 1, 2, 3, 4, 0x11, 2, 1, 2, 3, 4, 0x22},
		requester: r.Client, responder: r.Server,
	}
}

// An end that expects another number says so, and gets a RST with that one.
func TestResetAfterAChallenge(t *testing.T) {
	r := newRig(t, tracker.Options{})
	k := newPretence(r)
	k.play(t)
	f := r.flow("tcp", flow.StateEstablished)
	const keepWhole, expected = 0x4000, 1151
	// The last data was sent again and more, of which the server has a part.
	more := frame.Segment{Flags: frame.ACK, Seq: 1101, Ack: 5001, Window: 60000, Payload: 200}
	if err := k.requester.Inject(k.frame(false, more, 0)); err != nil {
		t.Fatal(err)
	}
	r.eventually("more data", func() bool { return r.flow("tcp", flow.StateEstablished).Origin.Packets > f.Origin.Packets })
	challenge(t, r.Server, expected, k.frame(true, frame.Segment{Flags: frame.ACK, Seq: 5001, Ack: expected, Window: 60000}, 0))
	atServer, err := r.Server.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	sees(t, atServer, k.frame(false, frame.Segment{Flags: frame.RST | frame.ACK, Seq: expected, Ack: 5001}, keepWhole))
	r.none("tcp")
}

// What has labels goes on, and is counted.
func TestResetBehindLabels(t *testing.T) {
	r := newRig(t, tracker.Options{})
	k := newPretence(r)
	k.framing = labelled
	k.play(t)
	f := r.flow("tcp", flow.StateEstablished)
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Unsent: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	if again := r.flow("tcp", flow.StateEstablished); again.ID != f.ID {
		t.Errorf("it is %v, it was %v", again, f)
	}
}

// A client that waits for an answer is refused.
func TestResetOfAnOpening(t *testing.T) {
	r := newRig(t, tracker.Options{})
	deafen(t, r.Server)
	failed := make(chan error, 1)
	go func() {
		conn, err := r.Client.Dial(r.ctx, "tcp", netip.AddrPortFrom(r.Server.Addr4(), 9).String())
		if err == nil {
			_ = conn.Close()
		}
		failed <- err
	}()
	f := r.flow("tcp", flow.StateSynSent)
	if outcome, err := r.tracker.Act(r.ctx, flow.Reset(f.Ref())); err != nil || outcome != (flow.Outcome{Done: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	if err := <-failed; !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("the client says %v", err)
	}
	if e := r.ended(f.ID); e.Reason != flow.ReasonReset {
		t.Errorf("it ended by %s", e.Reason)
	}
}
