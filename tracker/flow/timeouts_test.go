package flow

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "5d0s": 5 * day, "1": time.Second, "90": 90 * time.Second, "432000": 5 * day,
		"30s": 30 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute,
		"5d": 5 * day, "1d12h": 36 * time.Hour, "1d1s": day + time.Second,
		"500ms": 500 * time.Millisecond, "1.5h": 90 * time.Minute, "3650d": MaxTimeout,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "soon", "d", "-1", "-5s", "-1d", "1d-1h", "5 s", "5x", "1h1d", "1.5d", "99999d",
		"65535d2562047h", "d5", "dd", "5dd", "1e3", "0x10", "9223372036854775808", "5d 1h", "+1d", "NaN",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		} else if !strings.Contains(err.Error(), "30s") {
			t.Errorf("%q: %q says not what to do", text, err)
		}
	}
}

// Every state of every protocol has its timeout.
func TestTimeoutOf(t *testing.T) {
	tcp := []TimeoutName{
		TCPUnacknowledged, TCPUnacknowledged, TCPSynSent, TCPSynRecv, TCPEstablished, TCPFinWait, TCPFinWait, TCPLastAck, TCPTimeWait,
	}
	for s, want := range tcp {
		if got := TimeoutOf(ProtocolTCP, State(s)); got != want {
			t.Errorf("tcp %s: %s, want %s", State(s), got, want)
		}
	}
	for _, c := range []struct {
		p    Protocol
		s    State
		want TimeoutName
	}{
		{ProtocolUDP, StateNew, UDPUnidirectional},
		{ProtocolUDP, StateEstablished, UDPBidirectional},
		{ProtocolICMP, StateNew, ICMP},
		{ProtocolICMPv6, StateEstablished, ICMP},
		{ProtocolSCTP, StateNew, Other},
		{47, StateEstablished, Other},
	} {
		if got := TimeoutOf(c.p, c.s); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.p, c.s, got, c.want)
		}
	}
}

func TestParseTimeout(t *testing.T) {
	for text, want := range map[string]struct {
		name TimeoutName
		d    time.Duration
	}{
		"tcp_established=1h":    {TCPEstablished, time.Hour},
		"icmp=1s":               {ICMP, time.Second},
		"udp_unidirectional=5d": {UDPUnidirectional, 5 * 24 * time.Hour},
		"other=3650d":           {Other, MaxTimeout},
		"tcp_time_wait=90":      {TCPTimeWait, 90 * time.Second},
	} {
		if name, d, err := ParseTimeout(text); err != nil || name != want.name || d != want.d {
			t.Errorf("%q is %s=%s, %v", text, name, d, err)
		}
	}
	for _, text := range []string{
		"", "=", "icmp", "icmp=", "=5s", "icmp=0", "icmp=0s", "icmp=999ms", "icmp=3651d",
		"icmp=-5s", "icmp=soon", "ICMP=5s", "icmp =5s", "icmp=5s,other=5s", "tcp=5s",
	} {
		if name, d, err := ParseTimeout(text); err == nil {
			t.Errorf("%q is taken for %s=%s", text, name, d)
		}
	}
}

func TestCheckFlowTimeout(t *testing.T) {
	for d, valid := range map[time.Duration]bool{
		0: false, MinTimeout - 1: false, MinTimeout: true, MaxFlowTimeout: true, MaxFlowTimeout + 1: false,
	} {
		if err := CheckFlowTimeout(d); (err == nil) != valid || err != nil && !strings.Contains(err.Error(), FormatDuration(MaxFlowTimeout)) {
			t.Errorf("%s: %v", d, err)
		}
	}
	const ticks = 1024 // a second: CONFIG_HZ of MIPS
	if MaxFlowTimeout/time.Second*ticks > math.MaxUint32 {
		t.Errorf("%s is more than %d ticks", MaxFlowTimeout, uint32(math.MaxUint32))
	}
}

func TestCheckTimeout(t *testing.T) {
	for d, valid := range map[time.Duration]bool{
		0: false, -time.Second: false, time.Second - 1: false, time.Second: true,
		MaxTimeout: true, MaxTimeout + 1: false,
	} {
		if err := CheckTimeout(d); (err == nil) != valid {
			t.Errorf("%s: %v", d, err)
		}
	}
	for i, d := range DefaultTimeouts() {
		if CheckTimeout(d) != nil {
			t.Errorf("the default of %s is out of range", TimeoutName(i))
		}
	}
}

// The defaults are those of the report, and those of the RFCs are the shortest that
// RFC 5382, 4787 and 5508 allow a NAT.
func TestProfiles(t *testing.T) {
	const second = time.Second
	for profile, want := range map[string]Timeouts{
		"report": {120 * second, 60 * second, 432_000 * second, 120 * second, 120 * second, 120 * second, 300 * second, 300 * second, 600 * second, 30 * second, 600 * second},
		"rfc":    {240 * second, 240 * second, 7440 * second, 240 * second, 240 * second, 240 * second, 300 * second, 300 * second, 300 * second, 60 * second, 600 * second},
	} {
		if got, err := ParseProfile(profile); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", profile, got, err, want)
		}
	}
	if got, err := ParseProfile("linux"); err == nil || got != (Timeouts{}) {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"": "is not NAME=DURATION", "tcp=5s": "no timeout is called", "icmp=soon": "is not a duration", "icmp=0": "out of range",
	} {
		name, d, err := ParseTimeout(text)
		if err == nil || !strings.Contains(err.Error(), want) || name != 0 || d != 0 {
			t.Errorf("%q: %s, %s, %v", text, name, d, err)
		}
	}
	if name, err := ParseTimeoutName("nosuch"); err == nil || name != 0 {
		t.Errorf("%s, %v", name, err)
	}
}

// Timeouts that were not given are the defaults, and all others have to be possible.
func TestTimeoutsWithDefaults(t *testing.T) {
	got, err := Timeouts{ICMP: 9 * time.Second}.WithDefaults()
	want := DefaultTimeouts()
	want[ICMP] = 9 * time.Second
	if err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	var usage *UsageError
	for _, d := range []time.Duration{-1, MinTimeout - 1, MaxTimeout + 1} {
		if _, err := (Timeouts{Other: d}).WithDefaults(); !errors.As(err, &usage) || !strings.Contains(err.Error(), "timeout other: ") {
			t.Errorf("%s: %v", d, err)
		}
	}
}

// A duration is written exactly, largest unit first, as it would be typed.
func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", time.Hour: "1h", 24 * time.Hour: "1d", 25*time.Hour + time.Second: "1d1h1s",
		1500 * time.Millisecond: "1.5s", time.Nanosecond: "0.000000001s", 10 * time.Second: "10s", 90 * time.Minute: "1h30m",
		-90 * time.Second: "-1m30s", math.MinInt64: "-106751d23h47m16.854775807s", MaxTimeout: "3650d",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
	for seconds, ok := range map[string]bool{"4294967295": true, "4294967296": false} {
		if d, err := ParseDuration(seconds); (err == nil) != ok || ok && d != 4294967295*time.Second {
			t.Errorf("%s is %s, %v", seconds, d, err)
		}
	}
}

// What is taken for a duration is one, and written by Go it is the same again.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"5d", "1d12h", "30s", "90", "1h30m", "1.5s", "1d0.000000001s", "", "d", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is %s", text, d)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q is %s, and that is %s, %v", text, d, again, err)
		}
		if again, err := ParseDuration(FormatDuration(d)); err != nil || again != d {
			t.Fatalf("%q is written %s, and that is %s, %v", text, FormatDuration(d), again, err)
		}
	})
}
