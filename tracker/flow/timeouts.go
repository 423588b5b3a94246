package flow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// TimeoutName names one of the tracker's timeouts: how long a flow may stay
// silent in a state.
type TimeoutName uint8

// The timeouts, in the order in which every output lists them.
const (
	TCPSynSent TimeoutName = iota
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPLastAck
	TCPTimeWait
	// TCPUnacknowledged is for a flow that was picked up midstream and that
	// the other side has not answered yet, and for an open one in which data
	// is not acknowledged or a window is closed.
	TCPUnacknowledged
	UDPUnidirectional
	UDPBidirectional
	ICMP
	Other
	numTimeouts
)

var timeoutNames = [numTimeouts]string{
	TCPSynSent:        "tcp_syn_sent",
	TCPSynRecv:        "tcp_syn_recv",
	TCPEstablished:    "tcp_established",
	TCPFinWait:        "tcp_fin_wait",
	TCPLastAck:        "tcp_last_ack",
	TCPTimeWait:       "tcp_time_wait",
	TCPUnacknowledged: "tcp_unacknowledged",
	UDPUnidirectional: "udp_unidirectional",
	UDPBidirectional:  "udp_bidirectional",
	ICMP:              "icmp",
	Other:             "other",
}

// String returns the timeout's name as flags and outputs spell it.
func (n TimeoutName) String() string {
	if n < numTimeouts {
		return timeoutNames[n]
	}
	return fmt.Sprintf("timeout_%d", uint8(n))
}

// TimeoutNames returns every timeout in the order in which outputs list them.
func TimeoutNames() []TimeoutName {
	names := make([]TimeoutName, numTimeouts)
	for i := range names {
		names[i] = TimeoutName(i)
	}
	return names
}

// ParseTimeoutName returns the timeout of that name.
func ParseTimeoutName(s string) (TimeoutName, error) {
	for i, name := range timeoutNames {
		if s == name {
			return TimeoutName(i), nil
		}
	}
	return 0, fmt.Errorf("no timeout is called %q: use one of %s", s, strings.Join(timeoutNames[:], ", "))
}

// Timeouts holds a duration for every [TimeoutName].
type Timeouts [numTimeouts]time.Duration

// The bounds of a timeout.
const (
	MinTimeout = time.Second
	MaxTimeout = 10 * 365 * 24 * time.Hour
)

// DefaultTimeouts returns the timeouts of the report that the project started
// from, ICMP as in nf_conntrack, and 10 minutes for any other protocol.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		TCPSynSent:        2 * time.Minute,
		TCPSynRecv:        time.Minute,
		TCPEstablished:    5 * 24 * time.Hour,
		TCPFinWait:        2 * time.Minute,
		TCPLastAck:        2 * time.Minute,
		TCPTimeWait:       2 * time.Minute,
		TCPUnacknowledged: 5 * time.Minute,
		UDPUnidirectional: 5 * time.Minute,
		UDPBidirectional:  10 * time.Minute,
		ICMP:              30 * time.Second,
		Other:             10 * time.Minute,
	}
}

// RFCTimeouts returns the shortest timeouts that a NAT may have: RFC 5382 REQ-5
// (established 2 h 4 min, transitory 4 min), RFC 4787 REQ-5 (UDP 5 min) and
// RFC 5508 REQ-1 (ICMP 60 s). What they do not speak of is as by default.
func RFCTimeouts() Timeouts {
	const transitory = 4 * time.Minute
	t := DefaultTimeouts()
	for _, name := range []TimeoutName{TCPSynSent, TCPSynRecv, TCPFinWait, TCPLastAck, TCPTimeWait} {
		t[name] = transitory
	}
	t[TCPEstablished] = 2*time.Hour + 4*time.Minute
	t[UDPUnidirectional], t[UDPBidirectional] = 5*time.Minute, 5*time.Minute
	t[ICMP] = time.Minute
	return t
}

// ParseProfile returns the timeouts of a named set.
func ParseProfile(s string) (Timeouts, error) {
	switch s {
	case "report":
		return DefaultTimeouts(), nil
	case "rfc":
		return RFCTimeouts(), nil
	}
	return Timeouts{}, fmt.Errorf("no profile is called %q: use report or rfc", s)
}

// ParseTimeout reads NAME=DURATION, as --timeout takes it.
func ParseTimeout(s string) (TimeoutName, time.Duration, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return 0, 0, fmt.Errorf("timeout %q is not NAME=DURATION: write it like tcp_established=1h", s)
	}
	n, err := ParseTimeoutName(name)
	if err != nil {
		return 0, 0, err
	}
	d, err := ParseDuration(value)
	if err != nil {
		return 0, 0, fmt.Errorf("timeout %s: %w", n, err)
	}
	if err := CheckTimeout(d); err != nil {
		return 0, 0, fmt.Errorf("timeout %s: %w", n, err)
	}
	return n, d, nil
}

// CheckTimeout refuses a duration that no timeout can have.
func CheckTimeout(d time.Duration) error {
	if d < MinTimeout || d > MaxTimeout {
		return fmt.Errorf("%s is out of range: use 1s to 3650d", FormatDuration(d))
	}
	return nil
}

// WithDefaults replaces each timeout that is zero by its default, and refuses what no
// timeout can be.
func (t Timeouts) WithDefaults() (Timeouts, error) {
	defaults := DefaultTimeouts()
	for name, d := range t {
		if d == 0 {
			t[name] = defaults[name]
			continue
		}
		if err := CheckTimeout(d); err != nil {
			return t, Usagef("timeout %s: %w", TimeoutName(name), err)
		}
	}
	return t, nil
}

// ParseDuration reads a duration as operators write it: Go's form (1h30m, 5s),
// days (5d, 1d12h), or a bare number of seconds.
func ParseDuration(s string) (time.Duration, error) {
	refused := fmt.Errorf("%q is not a duration: write it like 30s, 5m, 2h or 5d", s)
	if seconds, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	var days time.Duration
	rest := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, refused
		}
		days, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days+d < days {
		return 0, refused
	}
	return days + d, nil
}

// FormatDuration returns a duration exactly, in the form that an operator would
// type it and [ParseDuration] reads, as in "5d", "1h30m", "1.5s" or "30s".
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(-max(d, -math.MaxInt64))
	}
	text := ""
	for _, u := range [...]struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / u.size; n > 0 {
			text += strconv.Itoa(int(n)) + u.name
			d -= n * u.size
		}
	}
	if d > 0 || text == "" {
		text += strconv.FormatInt(int64(d/time.Second), 10) + strings.TrimRight(fraction(d%time.Second), ".0") + "s"
	}
	return text
}

// fraction returns less than a second with nine digits after the point.
func fraction(d time.Duration) string { return fmt.Sprintf(".%09d", d.Nanoseconds()) }
