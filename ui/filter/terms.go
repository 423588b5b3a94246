package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"ctop/tracker"
)

// parser reads one value of a term.
type parser func(value string) (term, error)

var termNames = []string{"proto", "state", "port", "sport", "dport", "host", "src", "dst"}

var parsers = map[string]parser{
	"proto": parseProto,
	"state": parseState,
	"port":  portParser(sourcePort, destinationPort),
	"sport": portParser(sourcePort),
	"dport": portParser(destinationPort),
	"host":  hostParser(source, destination),
	"src":   hostParser(source),
	"dst":   hostParser(destination),
}

func source(t *tracker.Tuple) netip.Addr      { return t.Src.Addr() }
func destination(t *tracker.Tuple) netip.Addr { return t.Dst.Addr() }
func sourcePort(t *tracker.Tuple) uint16      { return t.Src.Port() }
func destinationPort(t *tracker.Tuple) uint16 { return t.Dst.Port() }

// span is a range of ports, both ends included.
type span struct{ first, last uint16 }

func (s span) holds(port uint16) bool { return s.first <= port && port <= s.last }

func parseProto(value string) (term, error) {
	name := strings.ToLower(value)
	if name == "" {
		return nil, fmt.Errorf("name a protocol, like tcp, udp, icmp or 47")
	}
	if n, err := strconv.ParseUint(name, 10, 8); err == nil {
		return func(f *tracker.Flow) bool { return uint64(f.Tuple.Proto) == n }, nil
	}
	return func(f *tracker.Flow) bool { return f.Tuple.Proto.String() == name }, nil
}

// parseState accepts how a state's name begins, so that syn means both states
// of a handshake and a filter typed live is never wrong halfway.
func parseState(value string) (term, error) {
	var wanted [256]bool
	found := false
	for _, s := range tracker.States() {
		if value != "" && strings.HasPrefix(s.String(), strings.ToUpper(value)) {
			wanted[s], found = true, true
		}
	}
	if !found {
		return nil, fmt.Errorf("no state begins with %q: use one of %s", value, stateNames())
	}
	return func(f *tracker.Flow) bool { return wanted[f.State] }, nil
}

func stateNames() string {
	var names []string
	for _, s := range tracker.States() {
		names = append(names, strings.ToLower(s.String()))
	}
	return strings.Join(names, ", ")
}

func portParser(ports ...func(*tracker.Tuple) uint16) parser {
	return func(value string) (term, error) {
		wanted, err := parseSpan(value)
		if err != nil {
			return nil, err
		}
		return func(f *tracker.Flow) bool {
			if !f.Tuple.Proto.HasPorts() {
				return false
			}
			for _, port := range ports {
				if wanted.holds(port(&f.Tuple)) {
					return true
				}
			}
			return false
		}, nil
	}
}

func parseSpan(value string) (span, error) {
	from, to, ok := strings.Cut(value, "-")
	if !ok {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 16)
	if err == nil {
		var last uint64
		last, err = strconv.ParseUint(to, 10, 16)
		if err == nil && first <= last {
			return span{uint16(first), uint16(last)}, nil
		}
	}
	return span{}, fmt.Errorf("%q is not a port: write it like 443 or 1024-2047", value)
}

func hostParser(ends ...func(*tracker.Tuple) netip.Addr) parser {
	return func(value string) (term, error) {
		wanted, err := parsePrefix(value)
		if err != nil {
			return nil, err
		}
		return func(f *tracker.Flow) bool {
			for _, end := range ends {
				if wanted.Contains(end(&f.Tuple)) {
					return true
				}
			}
			return false
		}, nil
	}
}

func parsePrefix(value string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(value); err == nil {
		return p.Masked(), nil
	}
	if a, err := netip.ParseAddr(value); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.Prefix{}, fmt.Errorf("%q is not an address or a prefix: write it like 10.0.0.7 or 10.0.0.0/8", value)
}
