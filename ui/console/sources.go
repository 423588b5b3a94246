package console

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// sources are the addresses that a key may be used from; none is all of them.
type sources []source

// source is one pattern: a prefix, or text with * and ?.
type source struct {
	not    bool
	prefix netip.Prefix
	glob   string
}

// parseSources reads a list as from= of sshd(8) has it, but for host names:
// whoever answers for a name would decide who comes in.
func parseSources(value string) (sources, error) {
	var list sources
	for text := range strings.SplitSeq(value, ",") {
		s, err := parseSource(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func parseSource(text string) (source, error) {
	rest, not := strings.CutPrefix(text, "!")
	refused := fmt.Errorf("from=%q is not an address, prefix or pattern: write it like 192.0.2.1, 10.0.0.0/8, 2001:db8::/32 or 192.0.2.*", shorten(text))
	if strings.Contains(rest, "/") {
		p, err := netip.ParsePrefix(rest)
		if err != nil || p != p.Masked() {
			return source{}, refused
		}
		return source{not: not, prefix: p}, nil
	}
	if a, err := netip.ParseAddr(rest); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return source{not: not, prefix: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	if rest == "" || strings.Trim(rest, "0123456789abcdef.:*?") != "" || !strings.ContainsAny(rest, "*?") {
		return source{}, refused
	}
	return source{not: not, glob: rest}, nil
}

// match reports whether a pattern matches and no negated one does.
func (list sources) match(addr netip.Addr) bool {
	if len(list) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	found := false
	for _, s := range list {
		if !s.fits(addr) {
			continue
		}
		if s.not {
			return false
		}
		found = true
	}
	return found
}

func (s source) fits(addr netip.Addr) bool {
	if s.glob == "" {
		return s.prefix.Contains(addr)
	}
	ok, err := path.Match(s.glob, addr.String())
	return ok && err == nil
}
