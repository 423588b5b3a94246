package filter

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/tracker/flow"
)

// end returns one end of a tuple.
type end func(*flow.Tuple) flow.End

func source(t *flow.Tuple) flow.End      { return t.Src }
func destination(t *flow.Tuple) flow.End { return t.Dst }

// ports returns the measures of the ports of ends.
func ports(of []end) []measure {
	var measures []measure
	for _, end := range of {
		measures = append(measures, func(s subject) (float64, bool) {
			t := &s.flow.Tuple
			return float64(end(t).Port()), t.Proto.HasPorts()
		})
	}
	return measures
}

// readHosts returns the parser for addresses, prefixes, patterns and, if
// accepted, host names. The term matches if one of the ends does.
func (p *parser) readHosts(of []end) func(string) (term, error) {
	return func(value string) (term, error) {
		if prefix, err := readPrefix(value); err == nil {
			return inPrefix(prefix, of), nil
		}
		err := fmt.Errorf("%q is not an address: write it like 10.0.0.7, 10.0.0.0/8 or 10.0.*", value)
		if !isHostName(value) {
			return nil, err
		}
		if !p.named {
			return nil, fmt.Errorf("%q is a name, not an address: names work only in a console that shows them (n, --names)", value)
		}
		p.usesNames = true
		return isNamed(value, of), nil
	}
}

func inPrefix(prefix netip.Prefix, of []end) term {
	return func(s subject) bool {
		for _, end := range of {
			if prefix.Contains(end(&s.flow.Tuple).Addr()) {
				return true
			}
		}
		return false
	}
}

// isHostName reports whether a text is a valid host name (RFC 1123 section
// 2.1): letters, digits, hyphens and dots. The last label must not be a number.
func isHostName(s string) bool {
	last := s[strings.LastIndexByte(s, '.')+1:]
	ok := s != "" && strings.Trim(last, "0123456789") != ""
	for i := range len(s) {
		c := s[i] | 0x20
		ok = ok && ('a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9' || strings.IndexByte("-._", s[i]) >= 0)
	}
	return ok
}

// namesOf returns the names of an end: the operator's own, the one that the traffic has, and
// the one that was looked up, empty if there are none.
func (s subject) namesOf(a netip.Addr) [3]string {
	all := [3]string{names.Own(a), "", s.names[a]}
	if server := s.flow.Server; server != nil && a == s.flow.Tuple.Dst.Addr() {
		all[1] = server.Name
	}
	return all
}

// isNamed returns a term that matches a host name or its first labels: web for
// web.example.com.
func isNamed(name string, of []end) term {
	return func(s subject) bool {
		for _, end := range of {
			for _, known := range s.namesOf(end(&s.flow.Tuple).Addr()) {
				if len(known) >= len(name) && strings.EqualFold(known[:len(name)], name) &&
					(len(known) == len(name) || known[len(name)] == '.') {
					return true
				}
			}
		}
		return false
	}
}

// textsOf returns texts that an end of a flow has, empty where it has none.
type textsOf func(s subject, a netip.Addr) [3]string

// readName parses a name. The term matches by the operator's own name or by the one that was
// looked up.
var readName = readTexts(subject.namesOf)

// readCountry parses the code of a country.
var readCountry = readTexts(func(_ subject, a netip.Addr) [3]string { return [3]string{geo.Of(a).Country} })

// readSystem parses an autonomous system, by its number or by who runs it.
var readSystem = readTexts(func(_ subject, a netip.Addr) [3]string {
	p := geo.Of(a)
	if p.AS == 0 {
		return [3]string{}
	}
	return [3]string{strconv.FormatUint(uint64(p.AS), 10), p.Owner}
})

// readTexts returns the parser for a text or a pattern. The term matches if either end has a
// text like it, in letters of any case.
func readTexts(of textsOf) func(string) (term, error) {
	return func(value string) (term, error) {
		if value == "" {
			return nil, errors.New("there is no name after it")
		}
		parts := strings.Split(strings.ToLower(value), "*")
		return func(s subject) bool {
			t := &s.flow.Tuple
			for _, a := range [...]netip.Addr{t.Src.Addr(), t.Dst.Addr()} {
				for _, known := range of(s, a) {
					if known != "" && isLike(strings.ToLower(known), parts) {
						return true
					}
				}
			}
			return false
		}, nil
	}
}

// isLike reports whether a text has the parts of a pattern, between which anything may be.
func isLike(text string, parts []string) bool {
	if len(parts) == 1 {
		return text == parts[0]
	}
	return hasParts(text, parts)
}

// readPrefix parses an address, a prefix, or an address whose last parts are
// omitted or replaced by a star.
func readPrefix(value string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(value); err == nil {
		return p.Masked(), nil
	}
	if a, err := netip.ParseAddr(value); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	head, starredAt := strings.CutSuffix(value, "*")
	if dots := strings.Count(value, "."); starredAt || (dots == 1 || dots == 2) && !strings.HasSuffix(value, ".") {
		return netip.ParsePrefix(starred(head))
	}
	return netip.Prefix{}, errors.New("not an address")
}

// starred returns the prefix for the text before the star: 10.0.0.0/16 for
// "10.0." and 2001:db8::/32 for "2001:db8:".
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
