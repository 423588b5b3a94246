package filter

import (
	"net/netip"
	"strconv"

	"ctop/internal/names"
	"ctop/tracker/flow"
)

// appendText appends the text that is searched: the identity columns of a flow
// in lower case, and its host names. It does not allocate, since up to a
// million flows are matched per keystroke.
func appendText(b []byte, s subject) []byte {
	f, t := s.flow, &s.flow.Tuple
	b = append(b, t.Proto.String()...)
	b = append(b, ' ')
	b = appendEnd(b, t.Proto, t.Src)
	if t.Proto.HasICMP() {
		b = append(b, ' ')
		b = append(b, flow.ICMPTypeName(t.Proto, t.ICMPType)...)
		b = append(b, " #"...)
		b = strconv.AppendUint(b, uint64(t.ICMPID), 10)
	}
	b = append(b, ' ')
	b = appendEnd(b, t.Proto, t.Dst)
	b = append(b, ' ')
	b = appendLower(b, f.State.String())
	if len(s.names) > 0 || f.Server != nil || names.HasOwn() {
		b = appendNames(b, s, t.Src.Addr())
		b = appendNames(b, s, t.Dst.Addr())
	}
	return b
}

func appendNames(b []byte, s subject, a netip.Addr) []byte {
	for _, name := range s.namesOf(a) {
		if name != "" {
			b = append(b, ' ')
			b = appendLower(b, name)
		}
	}
	return b
}

func appendEnd(b []byte, p flow.Protocol, end flow.End) []byte {
	if p.HasPorts() {
		return end.AppendTo(b)
	}
	return end.Addr().AppendTo(b)
}

// appendLower appends an ASCII name in lower case.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
