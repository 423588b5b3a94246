package names

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ctop/internal/format"
)

// Table has an operator's own names of addresses and networks. It is not changed after it
// was made. The zero value and nil are empty.
type Table struct {
	// nets are the named networks by the length of their prefix, the longest first. An
	// address is a network of its own.
	nets []named
	size int
}

type named struct {
	bits  int
	four  bool
	names map[netip.Addr]string
}

// mostNames is the largest number of names in a table.
const mostNames = 200_000

// ParseTable reads lines of an address or a network and its name, as in /etc/hosts. What
// follows a # is a comment, and so is what follows the name. Its errors begin with
// FILE:LINE.
func ParseTable(file string, text []byte) (*Table, error) {
	t := &Table{}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin with it
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		net, err := readNet(words[0])
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %q is not an address or a network: write it like 10.0.0.7 or 10.0.0.0/8", file, n, format.Cut(format.Clean(words[0]), longest))
		case len(words) == 1:
			return nil, fmt.Errorf("%s:%d: %s has no name: write it behind the address", file, n, net)
		case t.size == mostNames:
			return nil, fmt.Errorf("%s:%d: there are more than %s names: name networks instead", file, n, format.Count(mostNames))
		}
		t.add(net, tidy(words[1]))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w: shorten its lines", file, err)
	}
	slices.SortFunc(t.nets, func(a, b named) int { return cmp.Compare(b.bits, a.bits) })
	return t, nil
}

// readNet reads an address or a network.
func readNet(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.WithZone("").Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// add adds a name. The first one of a network stays.
func (t *Table) add(net netip.Prefix, name string) {
	four := net.Addr().Is4()
	i := slices.IndexFunc(t.nets, func(n named) bool { return n.bits == net.Bits() && n.four == four })
	if i < 0 {
		i = len(t.nets)
		t.nets = append(t.nets, named{net.Bits(), four, map[netip.Addr]string{}})
	}
	if _, known := t.nets[i].names[net.Addr()]; !known {
		t.nets[i].names[net.Addr()] = name
		t.size++
	}
}

// Len returns how many names there are.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.size
}

// Of returns the name of an address, or of the smallest network that has it, or nothing.
func (t *Table) Of(a netip.Addr) string {
	if t == nil {
		return ""
	}
	a = a.Unmap()
	for _, n := range t.nets {
		if n.four != a.Is4() {
			continue
		}
		net, err := a.Prefix(n.bits)
		if err != nil {
			continue
		}
		if name, ok := n.names[net.Addr()]; ok {
			return name
		}
	}
	return ""
}
