package filter

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"ctop/internal/field"
	"ctop/internal/names"
	"ctop/tracker/flow"
)

// each splits a list of values and calls read for each. On error, bad is the
// offset of the value.
func each(values string, read func(value string) error) (bad int, err error) {
	for value := range strings.SplitSeq(values, ",") {
		if err := read(value); err != nil {
			return bad, err
		}
		bad += len(value) + 1
	}
	return 0, nil
}

// among returns the parser for a field that accepts several values.
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

// span is an inclusive range of numbers.
type span struct{ low, high float64 }

// number returns the parser for a numeric field. With several measures, one of
// them must match.
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
	if _, err := read(value); err == nil { // a name like http-alt
		low, isRange = value, false
	}
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
		return span{}, fmt.Errorf("%s is a range with the larger value first: swap the two", value)
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

// readPort parses a port number, or a port name as shown in the console.
func readPort(value string) (float64, error) {
	n, err := strconv.ParseUint(value, 10, 16)
	if port, ok := names.PortNamed(value); ok {
		return float64(port), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a port: write it like 443, https or 1024-2047", value)
	}
	return float64(n), nil
}

// readVLAN parses a VLAN ID, which has 12 bits (IEEE 802.1Q).
func readVLAN(value string) (float64, error) {
	n, err := strconv.ParseUint(value, 10, 12)
	if err != nil {
		return 0, fmt.Errorf("%q is not a VLAN: write a number from 0 to 4095", value)
	}
	return float64(n), nil
}

// readSession parses a PPPoE session ID, which has 16 bits (RFC 2516).
func readSession(value string) (float64, error) {
	n, err := readCount(value)
	if err != nil || n > math.MaxUint16 || n != math.Trunc(n) {
		return 0, fmt.Errorf("%q is not a PPPoE session: write a number from 0 to 65535", value)
	}
	return n, nil
}

// readCount parses a number with an optional prefix such as k or M, a power of
// 1000.
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

// ParseAmount parses a number as filters have it, as in 10k, 1.5M or 2G.
func ParseAmount(value string) (float64, error) { return readCount(value) }

func readSpan(value string) (float64, error) {
	d, err := flow.ParseDuration(value)
	return d.Seconds(), err
}

func readProto(value string) (term, error) {
	if n, err := strconv.ParseUint(value, 10, 8); err == nil {
		return ofProtocol(flow.Protocol(n)), nil
	}
	protocol, ok := flow.ProtocolNamed(value)
	if !ok {
		return nil, fmt.Errorf("no protocol is called %q: name one, like tcp, udp, icmp or sctp, or write a number from 0 to 255", value)
	}
	return ofProtocol(protocol), nil
}

func ofProtocol(p flow.Protocol) term {
	return func(s subject) bool { return s.flow.Tuple.Proto == p }
}

// protocolTerm returns the term for a protocol or an address family.
func protocolTerm(word string) term {
	switch strings.ToLower(word) {
	case "ip":
		return func(s subject) bool { return s.flow.Tuple.Src.Addr().Is4() }
	case "ip6":
		return func(s subject) bool { return s.flow.Tuple.Src.Addr().Is6() }
	}
	p, _ := flow.ProtocolNamed(word)
	return ofProtocol(p)
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
		return t.Proto.HasICMP() && flow.ICMPTypeName(t.Proto, t.ICMPType) == name
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

// readText returns the parser for a text field, which must match exactly.
func readText(f *field.Field) func(value string) (term, error) {
	return func(value string) (term, error) {
		if value == "" {
			return nil, errors.New("there is no name after it")
		}
		if !strings.Contains(value, "*") {
			return func(s subject) bool { return f.Text(s.flow, s.interfaces) == value }, nil
		}
		parts := strings.Split(value, "*")
		return func(s subject) bool { return hasParts(f.Text(s.flow, s.interfaces), parts) }, nil
	}
}

// hasParts reports whether a text begins with the first of several parts, ends with the
// last one, and has the others between them in order. An unknown text, which is empty,
// matches nothing.
func hasParts(text string, parts []string) bool {
	last := len(parts) - 1
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok || text == "" {
		return false
	}
	for _, part := range parts[1:last] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

// readID parses a flow ID or its first digits.
func readID(value string) (term, error) {
	n, err := strconv.ParseUint(value, 16, 64)
	if err != nil || len(value) > 16 {
		return nil, fmt.Errorf("%q is not an id: write up to 16 hexadecimal digits", value)
	}
	shift := 64 - 4*len(value)
	return func(s subject) bool { return uint64(s.flow.ID)>>shift == n }, nil
}
