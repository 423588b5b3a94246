package filter

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"ctop/tracker"
)

// each cuts a list of values and says where each stands.
func each(values string, read func(value string) error) (bad int, err error) {
	for value := range strings.SplitSeq(values, ",") {
		if err := read(value); err != nil {
			return bad, err
		}
		bad += len(value) + 1
	}
	return 0, nil
}

// among makes the reader of a field whose value is any of several.
func among(read func(value string) (term, error)) func(op, value string) (term, int, error) {
	return func(op, values string) (term, int, error) {
		if op != ":" && op != "=" && op != "!=" {
			return nil, 0, fmt.Errorf("it cannot be compared by %s: use : or !=", op)
		}
		var either term
		bad, err := each(values, func(value string) error {
			one, err := read(value)
			if either != nil && err == nil {
				one = or(either, one)
			}
			either = one
			return err
		})
		if err != nil {
			return nil, bad, err
		}
		if op == "!=" {
			either = not(either)
		}
		return either, 0, nil
	}
}

// span is a range of numbers, both ends included.
type span struct{ low, high float64 }

// number makes the reader of a field that is a number, or several of which one
// has to fit.
func number(read func(string) (float64, error), of ...measure) func(op, value string) (term, int, error) {
	return func(op, values string) (term, int, error) {
		var spans []span
		bad, err := each(values, func(value string) error {
			s, err := readRange(op, value, read)
			spans = append(spans, s)
			return err
		})
		if err != nil {
			return nil, bad, err
		}
		holds := within(spans, of)
		if op == "!=" {
			holds = not(holds)
		}
		return holds, 0, nil
	}
}

func within(spans []span, of []measure) term {
	return func(s subject) bool {
		for _, value := range of {
			v, known := value(s)
			for i := range spans {
				if known && spans[i].low <= v && v <= spans[i].high {
					return true
				}
			}
		}
		return false
	}
}

func readRange(op, value string, read func(string) (float64, error)) (span, error) {
	low, high, isRange := strings.Cut(value, "-")
	if !isRange {
		high = low
	}
	from, err := read(low)
	if err != nil {
		return span{}, err
	}
	to, err := read(high)
	switch {
	case err != nil:
		return span{}, err
	case from > to:
		return span{}, fmt.Errorf("%s is a range from the larger to the smaller: turn it round", value)
	case isRange && strings.ContainsAny(op, "<>"):
		return span{}, fmt.Errorf("%s needs one value, not a range", op)
	}
	return compared(op, from, to), nil
}

func compared(op string, from, to float64) span {
	switch op {
	case ">":
		return span{math.Nextafter(from, math.Inf(1)), math.Inf(1)}
	case ">=":
		return span{from, math.Inf(1)}
	case "<":
		return span{math.Inf(-1), math.Nextafter(from, math.Inf(-1))}
	case "<=":
		return span{math.Inf(-1), from}
	}
	return span{from, to}
}

func readPort(value string) (float64, error) {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port: write it like 443 or 1024-2047", value)
	}
	return float64(n), nil
}

// readCount reads a number with the prefix of a power of a thousand.
func readCount(value string) (float64, error) {
	digits, factor := value, 1.0
	if n := len(value); n > 0 {
		if i := strings.IndexByte("kmgt", value[n-1]|0x20); i >= 0 {
			digits, factor = value[:n-1], math.Pow(1000, float64(i+1))
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) || strings.ContainsAny(digits, "xXpP_") {
		return 0, fmt.Errorf("%q is not a number: write it like 500, 10k, 1.5M or 2G", value)
	}
	return n * factor, nil
}

func readSpan(value string) (float64, error) {
	d, err := tracker.ParseDuration(value)
	return d.Seconds(), err
}

func readProto(value string) (term, error) {
	name := strings.ToLower(value)
	if name == "" {
		return nil, errors.New("name a protocol, like tcp, udp, icmp or 47")
	}
	if n, err := strconv.ParseUint(name, 10, 8); err == nil {
		return func(s subject) bool { return uint64(s.flow.Tuple.Proto) == n }, nil
	}
	return func(s subject) bool { return s.flow.Tuple.Proto.String() == name }, nil
}

// readState accepts how a state's name begins, so that syn means both states
// of a handshake and a filter typed live is never wrong halfway.
func readState(value string) (term, error) {
	var wanted [256]bool
	found := false
	for _, s := range tracker.States() {
		if value != "" && strings.HasPrefix(s.String(), strings.ToUpper(value)) {
			wanted[s], found = true, true
		}
	}
	switch {
	case found:
		return func(s subject) bool { return wanted[s.flow.State] && s.reason == tracker.ReasonNone }, nil
	case asksForEnded(value):
		return func(s subject) bool { return s.reason != tracker.ReasonNone }, nil
	}
	return nil, fmt.Errorf("no state begins with %q: use one of %s", value, strings.Join(stateNames(), ", "))
}

func readReason(value string) (term, error) {
	var wanted [256]bool
	found := false
	for _, r := range tracker.Reasons() {
		if value != "" && strings.HasPrefix(r.String(), strings.ToLower(value)) {
			wanted[r], found = true, true
		}
	}
	if !found {
		return nil, fmt.Errorf("no flow ends for %q: use one of %s", value, strings.Join(reasonNames(), ", "))
	}
	return func(s subject) bool { return wanted[s.reason] }, nil
}

func readICMP(value string) (term, error) {
	name := strings.ToLower(value)
	n, err := strconv.ParseUint(name, 10, 8)
	if err != nil && !contained(icmpNames(), name) {
		return nil, fmt.Errorf("%q is not an ICMP request: use %s or a number", value, strings.Join(icmpNames(), ", "))
	}
	byNumber := err == nil
	return func(s subject) bool {
		t := &s.flow.Tuple
		if byNumber {
			return t.Proto.HasICMP() && uint64(t.ICMPType) == n
		}
		return t.Proto.HasICMP() && tracker.ICMPTypeName(t.Proto, t.ICMPType) == name
	}, nil
}

func contained(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func readInterface(value string) (term, error) {
	if value == "" {
		return nil, errors.New("name an interface")
	}
	return func(s subject) bool {
		i := int(s.flow.In)
		return s.interfaces != nil && i < len(s.interfaces) && s.interfaces[i] == value
	}, nil
}

// readID reads an id, or the first digits of one.
func readID(value string) (term, error) {
	n, err := strconv.ParseUint(value, 16, 64)
	if err != nil || len(value) > 16 {
		return nil, fmt.Errorf("%q is not an id: write up to 16 hexadecimal digits", value)
	}
	shift := 64 - 4*len(value)
	return func(s subject) bool { return uint64(s.flow.ID)>>shift == n }, nil
}

func source(t *tracker.Tuple) netip.Addr      { return t.Src.Addr() }
func destination(t *tracker.Tuple) netip.Addr { return t.Dst.Addr() }

func readHost(ends ...func(*tracker.Tuple) netip.Addr) func(string) (term, error) {
	return func(value string) (term, error) {
		wanted, err := readPrefix(value)
		if err != nil {
			return nil, err
		}
		return func(s subject) bool {
			for _, end := range ends {
				if wanted.Contains(end(&s.flow.Tuple)) {
					return true
				}
			}
			return false
		}, nil
	}
}

// readPrefix reads an address, a prefix, or an address whose last parts are a
// star.
func readPrefix(value string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(value); err == nil {
		return p.Masked(), nil
	}
	if a, err := netip.ParseAddr(value); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if head, ok := strings.CutSuffix(value, "*"); ok {
		if p, err := netip.ParsePrefix(starred(head)); err == nil {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%q is not an address: write it like 10.0.0.7, 10.0.0.0/8 or 10.0.*", value)
}

// starred turns what stands before the star into a prefix: "10.0." into
// 10.0.0.0/16 and "2001:db8:" into 2001:db8::/32.
func starred(head string) string {
	if strings.Contains(head, ":") {
		parts := strings.Count(head, ":")
		return strings.TrimSuffix(head, ":") + "::/" + strconv.Itoa(16*parts)
	}
	head = strings.TrimRight(head, "*.")
	parts := strings.Count(head, ".") + 1
	if head == "" || parts > 3 {
		return ""
	}
	return head + strings.Repeat(".0", 4-parts) + "/" + strconv.Itoa(8*parts)
}
