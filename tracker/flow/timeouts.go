package flow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// TimeoutName is the name of a timeout, the time that a flow may be silent in a
// state.
type TimeoutName uint8

// The timeouts in output order.
const (
	TCPSynSent TimeoutName = iota
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPLastAck
	TCPTimeWait
	// TCPUnacknowledged applies to a flow that was picked up midstream and has
	// no reply yet, and to an established one with unacknowledged data or a
	// closed window.
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

// String returns the timeout's name in flags and outputs.
func (n TimeoutName) String() string {
	if n < numTimeouts {
		return timeoutNames[n]
	}
	return fmt.Sprintf("timeout_%d", uint8(n))
}

// TimeoutNames returns all timeouts in output order.
func TimeoutNames() []TimeoutName {
	names := make([]TimeoutName, numTimeouts)
	for i := range names {
		names[i] = TimeoutName(i)
	}
	return names
}

// ParseTimeoutName returns the timeout with the given name.
func ParseTimeoutName(s string) (TimeoutName, error) {
	for i, name := range timeoutNames {
		if s == name {
			return TimeoutName(i), nil
		}
	}
	return 0, fmt.Errorf("no timeout is called %q: use one of %s", s, strings.Join(timeoutNames[:], ", "))
}

// TimeoutOf returns the name of the timeout of a state. It must match flow_timeout in
// timeout.h, but for the established flows that are [TCPUnacknowledged].
func TimeoutOf(p Protocol, s State) TimeoutName {
	switch {
	case p == ProtocolTCP:
		return tcpTimeout(s)
	case p == ProtocolUDP && s == StateNew:
		return UDPUnidirectional
	case p == ProtocolUDP:
		return UDPBidirectional
	case p.HasICMP():
		return ICMP
	}
	return Other
}

func tcpTimeout(s State) TimeoutName {
	switch s {
	case StateSynSent:
		return TCPSynSent
	case StateSynRecv:
		return TCPSynRecv
	case StateEstablished:
		return TCPEstablished
	case StateFinWait1, StateFinWait2:
		return TCPFinWait
	case StateLastAck:
		return TCPLastAck
	case StateTimeWait:
		return TCPTimeWait
	}
	return TCPUnacknowledged
}

// Timeouts holds the duration of each timeout, indexed by [TimeoutName].
type Timeouts [numTimeouts]time.Duration

// The bounds of a timeout.
const (
	MinTimeout = time.Second
	MaxTimeout = 10 * 365 * 24 * time.Hour
	// MaxFlowTimeout is the most for a flow's own timeout. An entry of the table has 32
	// bits for it, in ticks of the kernel, of which there are at most 1,024 in a second.
	MaxFlowTimeout = 48 * 24 * time.Hour
)

// DefaultTimeouts returns the timeouts of the report that the project started
// from, those of nf_conntrack for ICMP, and 10 minutes for other protocols.
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
// (established 2 h 4 min, transitory 4 min), RFC 4787 REQ-5 (UDP 5 min) and RFC
// 5508 REQ-1 (ICMP 60 s). Other timeouts are the defaults.
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

// ParseProfile returns the timeouts of the profile with the given name.
func ParseProfile(s string) (Timeouts, error) {
	switch s {
	case "report":
		return DefaultTimeouts(), nil
	case "rfc":
		return RFCTimeouts(), nil
	}
	return Timeouts{}, fmt.Errorf("no profile is called %q: use report or rfc", s)
}

// ParseTimeout parses NAME=DURATION, the value of --timeout.
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

// CheckTimeout returns an error if a duration is out of bounds.
func CheckTimeout(d time.Duration) error {
	if d < MinTimeout || d > MaxTimeout {
		return fmt.Errorf("%s is out of range: use 1s to 3650d", FormatDuration(d))
	}
	return nil
}

// CheckFlowTimeout returns an error if a duration is out of bounds for a flow's own
// timeout.
func CheckFlowTimeout(d time.Duration) error {
	if d < MinTimeout || d > MaxFlowTimeout {
		return fmt.Errorf("%s is out of range for one flow: use 1s to 48d", FormatDuration(d))
	}
	return nil
}

// WithDefaults replaces zero timeouts by their defaults. It returns an error if
// a timeout is out of bounds.
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

// ParseDuration parses a duration: Go's format (1h30m, 5s), days (5d, 1d12h),
// or a number of seconds.
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

// FormatDuration formats a duration exactly, such as "5d", "1h30m", "1.5s" or
// "30s". [ParseDuration] parses the result.
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

// fraction returns the part below a second with nine digits after the point.
func fraction(d time.Duration) string { return fmt.Sprintf(".%09d", d.Nanoseconds()) }
