package sick

import (
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// established returns a connection with which nothing is wrong.
func established() flow.Flow {
	return flow.Flow{
		Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("10.0.0.2:443")},
		State: flow.StateEstablished, TimeoutName: flow.TCPEstablished, Age: time.Minute, Idle: 200 * time.Millisecond,
		Origin: flow.Half{Packets: 1000, WindowKnown: true, Window: 64000, RTT: time.Millisecond},
		Reply:  flow.Half{Packets: 1000, WindowKnown: true, Window: 64000, RTT: time.Millisecond},
	}
}

func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		make     func(f *flow.Flow)
		want     Kind
		by       flow.Direction
		sentence string
	}{
		"the partner's":        {func(f *flow.Flow) { f.Origin.InFlight, f.Idle, f.Holding.Inherited = 9, 12*time.Second, true }, Well, flow.Origin, ""},
		"well":                 {func(*flow.Flow) {}, Well, flow.Origin, ""},
		"data in flight":       {func(f *flow.Flow) { f.Origin.InFlight = 9 }, Well, 0, ""},
		"unacknowledged":       {func(f *flow.Flow) { f.Origin.InFlight, f.Idle = 9, 12*time.Second }, Unacknowledged, flow.Reply, "reply has not acknowledged what origin sent, and nothing came for 12 seconds."},
		"unacknowledged reply": {func(f *flow.Flow) { f.Reply.InFlight, f.Idle = 9, 1001*time.Millisecond }, Unacknowledged, flow.Origin, "origin has not acknowledged what reply sent, and nothing came for 1 second."},
		"unknown windows": {func(f *flow.Flow) {
			f.TimeoutName, f.Idle = flow.TCPUnacknowledged, 2*time.Second
			f.Origin.WindowKnown, f.Reply.WindowKnown = false, false
		}, Unacknowledged, flow.Reply, "reply has not"},
		"an end that was missed": {func(f *flow.Flow) { f.TimeoutName, f.Idle = flow.TCPUnacknowledged, 2*time.Second }, Well, 0, ""},
		"closing":                {func(f *flow.Flow) { f.State, f.Origin.InFlight, f.Idle = flow.StateFinWait1, 1, time.Minute }, Well, 0, ""},
		"window closed":          {func(f *flow.Flow) { f.Origin.Window = 0 }, WindowClosed, flow.Origin, "origin has closed its window: it reads too slowly, and reply must wait."},
		"window not known":       {func(f *flow.Flow) { f.Origin.WindowKnown, f.Origin.Window = false, 0 }, Well, 0, ""},
		"two of ten again":       {func(f *flow.Flow) { f.Origin.Packets, f.Origin.Retransmits = 10, 2 }, Well, 0, ""},
		"one in a hundred":       {func(f *flow.Flow) { f.Reply.Retransmits = 10 }, Well, 0, ""},
		"more":                   {func(f *flow.Flow) { f.Reply.Retransmits = 11 }, Retransmits, flow.Reply, "reply sent 1.1 % of its packets again"},
		"both":                   {func(f *flow.Flow) { f.Origin.Retransmits, f.Reply.Retransmits = 40, 30 }, Retransmits, flow.Origin, "origin sent 4.0 %"},
		"opening":                {func(f *flow.Flow) { f.State, f.Age = flow.StateSynSent, 3*time.Second }, Well, 0, ""},
		"half open":              {func(f *flow.Flow) { f.State, f.Age = flow.StateSynRecv, 3001*time.Millisecond }, HalfOpen, 0, "The handshake has not been completed for 3 seconds."},
		"one-sided":              {func(f *flow.Flow) { f.OneSided = true }, OneSided, flow.Reply, "Only origin has been seen for 1 minute"},
		"midstream, one way":     {func(f *flow.Flow) { f.State, f.Reply = flow.StateNew, flow.Half{} }, OneSided, flow.Reply, "Only origin"},
		"a datagram":             {udp("10.0.0.2:53", 2*time.Second, 0), Well, 0, ""},
		"not answered":           {udp("10.0.0.2:53", 4*time.Second, 0), OneSided, flow.Reply, "Only origin has been seen for 4 seconds"},
		"to a group":             {udp("224.0.0.251:5353", time.Hour, 0), Well, 0, ""},
		"to all":                 {udp("10.0.0.255:137", time.Hour, 0), Well, 0, ""},
		"to a group of IPv6":     {udp("[ff02::fb]:5353", time.Hour, 0), Well, 0, ""},
		"answered by an error":   {udp("10.0.0.2:53", time.Second, 1), Refused, flow.Reply, "Nobody accepts it: an ICMP error answered it."},
		"an error, and answers":  {func(f *flow.Flow) { f.Related = 3 }, Well, 0, ""},
	} {
		f := established()
		c.make(&f)
		found := Of(&f)
		if found.Kind != c.want || c.want != Well && found.By != c.by || Holds(&f) != (c.want != Well) {
			t.Errorf("%s: %s by %s", name, found.Kind, found.By)
		}
		if got := Sentence(&f); !strings.HasPrefix(got, c.sentence) || c.sentence == "" && got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// udp makes a flow of which only origin was seen.
func udp(to string, age time.Duration, errors uint16) func(f *flow.Flow) {
	return func(f *flow.Flow) {
		f.Tuple.Proto, f.Tuple.Dst, f.State, f.Age, f.Related = flow.ProtocolUDP, flow.MustParseEnd(to), flow.StateNew, age, errors
		f.Origin, f.Reply = flow.Half{Packets: 1}, flow.Half{}
	}
}

func TestEnded(t *testing.T) {
	for _, c := range []struct {
		from   flow.State
		reason flow.Reason
		by     flow.Direction
		want   string
	}{
		{flow.StateSynSent, flow.ReasonRST, flow.Reply, "Nobody accepts it: a RST answered it."},
		{flow.StateEstablished, flow.ReasonRST, flow.Reply, "The responder has reset it."},
		{flow.StateEstablished, flow.ReasonRST, flow.Origin, ""},
		{flow.StateSynSent, flow.ReasonExpired, flow.Reply, ""},
	} {
		e := &flow.Event{Type: flow.EventDestroy, From: c.from, Reason: c.reason, Direction: c.by}
		if got := Ended(e); got != c.want {
			t.Errorf("%s, %s by %s: %q", c.from, c.reason, c.by, got)
		}
	}
}

func TestWorse(t *testing.T) {
	order := []Finding{{}, {Kind: OneSided, Size: 900}, {Kind: HalfOpen, Size: 4}, {Kind: HalfOpen, Size: 5}, {Kind: Unacknowledged}}
	for i, a := range order {
		for j, b := range order {
			if a.Worse(b) != (i > j) {
				t.Errorf("%v is worse than %v: %t", a, b, a.Worse(b))
			}
		}
	}
}

func TestSlowerSocket(t *testing.T) {
	f := established()
	if got := SlowerSocket(&f, 20*time.Millisecond); got != "" {
		t.Error(got)
	}
	if got := SlowerSocket(&f, 30*time.Millisecond); got != "Its round trip takes 30.0 ms now, 15 times that of its handshake." {
		t.Error(got)
	}
	f.Origin.RTT, f.Reply.RTT = 0, 0
	if got := SlowerSocket(&f, time.Hour); got != "" {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	l := Default()
	if got := l.String(); got != "retransmits=1%,unacknowledged=1s,half_open=3s,one_sided=3s,round_trip=10" {
		t.Error(got)
	}
	for _, text := range []string{"retransmits=2.5%", "unacknowledged=500ms", "half_open=1m", "one_sided=10s", "round_trip=3"} {
		if err := l.Set(text); err != nil {
			t.Error(err)
		}
	}
	if want := (Limits{0.025, 500 * time.Millisecond, time.Minute, 10 * time.Second, 3}); l != want {
		t.Errorf("%+v", l)
	}
	for text, want := range map[string]string{
		"half_open":         `"half_open" has no value: write it like half_open=3s`,
		"half_open=3":       `"3" is not a duration: write it like 3s`,
		"half_open=-3s":     `"-3s" is not a duration: write it like 3s`,
		"retransmits=0":     `"0" is not a share: write it like 1%`,
		"retransmits=101%":  `"101%" is not a share: write it like 1%`,
		"retransmits=NaN":   `"NaN" is not a share: write it like 1%`,
		"round_trip=1":      `"1" is not a multiple: write it like 10`,
		"window_closed=yes": `no limit is called "window_closed": use retransmits, unacknowledged, half_open, one_sided, round_trip`,
	} {
		if err := l.Set(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	f := established()
	f.Reply.Retransmits = 20
	if Use(l); Holds(&f) {
		t.Error("2 % are sick where 2.5 % are allowed")
	}
	if Use(Default()); !Holds(&f) {
		t.Error("2 % are not sick")
	}
}
