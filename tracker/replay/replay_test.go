package replay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

var replayStart = time.Date(2001, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

// openReplay returns a replay, and the events that it tells, a line each.
func openReplay(t *testing.T, o Options) (r *Replay, told *[]string) {
	t.Helper()
	lab.Require(t)
	told = new([]string)
	o.OnEvent = func(e *flow.Event) error {
		*told = append(*told, fmt.Sprintf("%s %s %s>%s %s", e.Time.Sub(replayStart), e.Type, e.From, e.To, e.Reason))
		return nil
	}
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, told
}

// udpFrame is a datagram that goes one way or the other.
func udpFrame(t *testing.T, back bool, port uint16) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
	udp := &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: 53}
	if back {
		ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
		udp.SrcPort, udp.DstPort = udp.DstPort, udp.SrcPort
	}
	eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, eth, ip, udp, gopacket.Payload(make([]byte, 58)))
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func feed(t *testing.T, r *Replay, after time.Duration, side int, frame []byte) {
	t.Helper()
	if err := r.Feed(t.Context(), replayStart.Add(after), side, true, frame); err != nil {
		t.Fatal(err)
	}
}

func refresh(t *testing.T, r *Replay) *flow.Snapshot {
	t.Helper()
	s, err := r.Refresh()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestReplayClock has everything happen at the capture's time.
func TestReplayClock(t *testing.T) {
	r, told := openReplay(t, Options{Host: "trace"})
	r.Name(false, "a", "b")
	feed(t, r, 0, 1, udpFrame(t, false, 1000))
	feed(t, r, 2500*time.Millisecond, 0, udpFrame(t, true, 1000))
	feed(t, r, time.Second, 1, udpFrame(t, false, 1000)) // from the past
	s := refresh(t, r)
	if len(s.Flows) != 1 || !s.Time.Equal(replayStart.Add(2500*time.Millisecond)) || s.Host != "trace" {
		t.Fatalf("%d flows at %s of %s", len(s.Flows), s.Time, s.Host)
	}
	f := s.Flows[0]
	if f.State != flow.StateEstablished || f.Age != 2500*time.Millisecond || f.Idle != 0 || f.In != 1 || f.Origin.Packets != 2 || f.TTL(0) != 10*time.Minute {
		t.Errorf("the flow is %+v", f)
	}
	if f.Origin.PPS != 0.8 || f.Origin.BPS != 640 || s.PPS != 1.2 {
		t.Errorf("rates: %v packets and %v bits a second, %v in all", f.Origin.PPS, f.Origin.BPS, s.PPS)
	}
	if s.Interfaces[1] != (flow.Interface{Name: "b", Mode: flow.ModeReplay, Up: true}) || s.Counters.Forwarded != 3 {
		t.Errorf("%+v, %d forwarded", s.Interfaces, s.Counters.Forwarded)
	}
	// Days later it has long expired, when its time was over and not now.
	feed(t, r, 48*time.Hour, 1, udpFrame(t, false, 2000))
	refresh(t, r)
	const want = "0s new NONE>NEW |2.5s update NEW>ESTABLISHED |10m2.5s destroy ESTABLISHED>NONE expired|48h0m0s new NONE>NEW "
	if got := strings.Join(*told, "|"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if events, next := r.Events(0); len(events) != 4 || next != 4 || !r.Now().Equal(replayStart.Add(48*time.Hour)) {
		t.Errorf("%d events up to %d at %s", len(events), next, r.Now())
	}
}

// TestReplayActs changes the table while its clock stands still.
func TestReplayActs(t *testing.T) {
	r, told := openReplay(t, Options{Timeouts: flow.Timeouts{flow.UDPUnidirectional: time.Minute}})
	for port := range uint16(3) {
		feed(t, r, time.Duration(port)*10*time.Second, 0, udpFrame(t, false, port+1))
	}
	s := refresh(t, r)
	if len(s.Flows) != 3 || s.Timeouts[flow.UDPUnidirectional] != time.Minute {
		t.Fatalf("%d flows, timeout %s", len(s.Flows), s.Timeouts[flow.UDPUnidirectional])
	}
	for _, f := range s.Flows {
		if f.Tuple.Src.Port() == 3 {
			if result, err := r.Act(t.Context(), flow.Deletion(f.Ref())); err != nil || result.Done != 1 {
				t.Fatalf("%+v, %v", result, err)
			}
			if _, err := r.Act(t.Context(), flow.OwnTimeoutChange(f.Ref(), time.Hour)); !errors.Is(err, flow.ErrFlowGone) {
				t.Errorf("its timeout: %v", err)
			}
		}
	}
	if result, err := r.Act(t.Context(), flow.Reset(s.Flows[0].Ref())); err == nil || result != (flow.Outcome{}) {
		t.Errorf("a reset: %+v, %v", result, err)
	}
	if _, err := r.Act(t.Context(), flow.TimeoutChange(flow.UDPUnidirectional, 15*time.Second)); err != nil {
		t.Fatal(err)
	}
	if s := r.Snapshot(); len(s.Flows) != 1 || s.Flows[0].Tuple.Src.Port() != 2 || s.Flows[0].TTL(0) != 5*time.Second {
		t.Errorf("left: %+v", s.Flows)
	}
	if got := strings.Join((*told)[3:], "|"); !strings.Contains(got, "deleted") || !strings.Contains(got, "expired") {
		t.Errorf("told %s", got)
	}
}

func TestReplayLengths(t *testing.T) {
	r, _ := openReplay(t, Options{Policy: flow.PolicyEnforce})
	feed(t, r, 0, 0, []byte("short"))
	feed(t, r, 0, 0, make([]byte, 65599))
	feed(t, r, 0, 0, make([]byte, 1<<20))
	feed(t, r, 0, 0, udpFrame(t, false, 1)[:40])
	s := refresh(t, r)
	if fed, skipped := r.Fed(); fed != 2 || skipped != 2 {
		t.Errorf("%d fed, %d skipped", fed, skipped)
	}
	if s.Counters.Packets != 2 || s.Counters.InvalidBy[flow.InvalidMalformed] != 1 || s.Counters.Dropped != 1 {
		t.Errorf("%+v", s.Counters)
	}
}

// TestReplayLosesNothing ends more flows at once than a live reader has room for.
func TestReplayLosesNothing(t *testing.T) {
	const flows = 50_000
	r, told := openReplay(t, Options{})
	frame := udpFrame(t, false, 1)
	for i := range flows {
		frame[34], frame[35] = byte(i>>8), byte(i)
		feed(t, r, 0, 0, frame)
	}
	feed(t, r, time.Hour, 0, udpFrame(t, true, 9))
	if s := refresh(t, r); len(s.Flows) != 1 || s.Counters.EventsLost != 0 || len(*told) != 2*flows+1 {
		t.Errorf("%d flows, %d events, %d lost", len(s.Flows), len(*told), s.Counters.EventsLost)
	}
}

func TestReplayEndsWithItsReader(t *testing.T) {
	lab.Require(t)
	gone := errors.New("nobody reads")
	r, err := Open(Options{OnEvent: func(*flow.Event) error { return gone }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Feed(t.Context(), replayStart, 0, true, udpFrame(t, false, 1)); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
}

// TestReplaySweepsWhenDue has packets that come seldom. A sweep visits the whole
// table, so it is made when something can expire, and events are as late as ever.
func TestReplaySweepsWhenDue(t *testing.T) {
	r, told := openReplay(t, Options{})
	frame := udpFrame(t, false, 1000)
	sweeps, last := 0, r.swept
	for i := range 3000 {
		feed(t, r, time.Duration(i)*time.Second, 0, frame)
		if r.swept != last {
			sweeps, last = sweeps+1, r.swept
		}
	}
	if sweeps > 3000/20 {
		t.Errorf("%d sweeps in 3000 s of one flow that never expires", sweeps)
	}
	feed(t, r, 3000*time.Second, 0, udpFrame(t, false, 2000))
	// The first one is silent from now on; the other keeps time passing.
	for i := range 400 {
		feed(t, r, time.Duration(3001+i)*time.Second, 0, udpFrame(t, false, 2000))
	}
	refresh(t, r)
	want := "NEW>NONE expired"
	if n := len(*told); n != 3 || !strings.Contains((*told)[2], want) {
		t.Fatalf("told %q, want the last to be %q", *told, want)
	}
	var at time.Duration
	if text, _, ok := strings.Cut((*told)[2], " "); ok {
		at, _ = time.ParseDuration(text)
	}
	if due := 2999*time.Second + 5*time.Minute; at < due || at > due+3*time.Second {
		t.Errorf("it expired after %s, due after %s", at, due)
	}
}

// TestReplayEarly counts packets whose time is well before that of others.
func TestReplayEarly(t *testing.T) {
	r, _ := openReplay(t, Options{})
	for _, after := range []time.Duration{10 * time.Second, 9500 * time.Millisecond, 8 * time.Second, 11 * time.Second, 0} {
		feed(t, r, after, 0, udpFrame(t, false, 1000))
	}
	if r.Early() != 2 {
		t.Errorf("%d packets, want 2: half a second is not counted", r.Early())
	}
}

// A replay can be closed again, and keeps what it had read.
func TestReplayCloses(t *testing.T) {
	r, _ := openReplay(t, Options{})
	feed(t, r, 0, 0, udpFrame(t, false, 1))
	s := refresh(t, r)
	if err := errors.Join(r.Close(), r.Close()); err != nil || len(s.Flows) != 1 || r.Snapshot() != s {
		t.Errorf("%v, %d flows", err, len(s.Flows))
	}
}
