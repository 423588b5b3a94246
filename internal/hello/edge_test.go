package hello

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// prefixed returns a length of so many bytes, and what has that length.
func prefixed(size int, parts ...[]byte) []byte {
	all := bytes.Join(parts, nil)
	b := make([]byte, size)
	for i := range b {
		b[size-1-i] = byte(len(all) >> (8 * i))
	}
	return append(b, all...)
}

func extension(kind int, content []byte) []byte {
	return append([]byte{byte(kind >> 8), byte(kind)}, prefixed(2, content)...)
}

func hostEntry(kind byte, name string) []byte {
	return append([]byte{kind}, prefixed(2, []byte(name))...)
}

// parts are those of a ClientHello.
type parts struct {
	version                       []byte
	session, suites, compressions []byte
	extensions                    [][]byte
	after                         []byte
}

func (p *parts) message() []byte {
	b := append(slices.Clone(p.version), make([]byte, 32)...)
	b = append(b, prefixed(1, p.session)...)
	b = append(b, prefixed(2, p.suites)...)
	b = append(b, prefixed(1, p.compressions)...)
	if p.extensions != nil {
		b = append(b, prefixed(2, p.extensions...)...)
	}
	return append([]byte{typeClientHello}, prefixed(3, append(b, p.after...))...)
}

func plainParts(names ...[]byte) *parts {
	p := &parts{version: []byte{3, 3}, suites: []byte{0x13, 1}, compressions: []byte{0}}
	for _, n := range names {
		p.extensions = append(p.extensions, extension(extensionName, n))
	}
	return p
}

// A hello is read if each of its parts is as it may be, and its name is that of the only
// host in the only extension of names.
func TestPartsOfHello(t *testing.T) {
	name := prefixed(2, hostEntry(0, "a.example"))
	for what, c := range map[string]struct {
		change func(*parts)
		want   string
		status Status
	}{
		"as it is":             {func(*parts) {}, "a.example", Done},
		"of TLS 1.0":           {func(p *parts) { p.version = []byte{3, 1} }, "a.example", Done},
		"of another protocol":  {func(p *parts) { p.version = []byte{2, 3} }, "", Not},
		"the longest session":  {func(p *parts) { p.session = make([]byte, 32) }, "a.example", Done},
		"a longer session":     {func(p *parts) { p.session = make([]byte, 33) }, "", Not},
		"no suite":             {func(p *parts) { p.suites = nil }, "", Not},
		"two suites":           {func(p *parts) { p.suites = []byte{1, 2, 3, 4} }, "a.example", Done},
		"a suite and a half":   {func(p *parts) { p.suites = []byte{1, 2, 3} }, "", Not},
		"no compression":       {func(p *parts) { p.compressions = nil }, "", Not},
		"no extensions":        {func(p *parts) { p.extensions = nil }, "", Done},
		"half a length":        {func(p *parts) { p.extensions, p.after = nil, []byte{0} }, "", Not},
		"more behind it":       {func(p *parts) { p.after = []byte{0} }, "", Not},
		"an unknown extension": {func(p *parts) { p.extensions = append(p.extensions, extension(77, []byte("x"))) }, "a.example", Done},
		"half an extension":    {func(p *parts) { p.extensions = append(p.extensions, []byte{0, 77, 0, 5}) }, "", Not},
		"names twice":          {func(p *parts) { p.extensions = append(p.extensions, p.extensions[0]) }, "", Not},
		"no names":             {func(p *parts) { p.extensions[0] = extension(extensionName, prefixed(2)) }, "", Not},
		"half a list":          {func(p *parts) { p.extensions[0] = extension(extensionName, name[:1]) }, "", Not},
		"more behind the list": {func(p *parts) { p.extensions[0] = extension(extensionName, append(slices.Clone(name), 0)) }, "", Not},
		"an empty name":        {func(p *parts) { p.extensions[0] = extension(extensionName, prefixed(2, hostEntry(0, ""))) }, "", Not},
		"an unknown kind":      {func(p *parts) { p.extensions[0] = extension(extensionName, prefixed(2, hostEntry(9, "b"))) }, "", Done},
		"a kind before the name": {func(p *parts) {
			p.extensions[0] = extension(extensionName, prefixed(2, hostEntry(9, "b"), hostEntry(0, "c")))
		}, "c", Done},
		"two names": {func(p *parts) {
			p.extensions[0] = extension(extensionName, prefixed(2, hostEntry(0, "b"), hostEntry(0, "c")))
		}, "", Not},
		"a kind without its name": {func(p *parts) { p.extensions[0] = extension(extensionName, prefixed(2, []byte{0})) }, "", Not},
		"a name that is none":     {func(p *parts) { p.extensions[0] = extension(extensionName, prefixed(2, hostEntry(0, "a b"))) }, "", Done},
	} {
		p := plainParts(name)
		c.change(p)
		if h, status := Message(p.message()); h.Name != c.want || status != c.status {
			t.Errorf("%s: %+v, %d", what, h, status)
		}
	}
	// At every cut of the message itself, with its length corrected, it is none.
	whole := plainParts(name).message()[headerLength:]
	for i := range whole {
		h, status := Message(append([]byte{typeClientHello}, prefixed(3, whole[:i])...))
		if extensions := 2 + 32 + 1 + 2 + 2 + 1 + 1; (status == Done) != (i == extensions) || h.Name != "" {
			t.Errorf("cut at %d: %+v, %d", i, h, status)
		}
	}
}

// Records and messages are as long as they may be, and no longer.
func TestLongestHello(t *testing.T) {
	for _, more := range []int{0, 1} {
		message := prefixed(3, make([]byte, longestRecord+more))
		if _, status := Message(append([]byte{typeClientHello}, message[:9]...)); (status == More) != (more == 0) {
			t.Errorf("a message of %d bytes: %d", longestRecord+more, status)
		}
		record := append([]byte{typeHandshake, 3, 1}, prefixed(2, make([]byte, longestRecord+more))...)
		if _, status := Records(record[:9]); (status == More) != (more == 0) {
			t.Errorf("a record of %d bytes: %d", longestRecord+more, status)
		}
	}
	// The length has three bytes.
	if _, status := Message([]byte{typeClientHello, 1, 0, 0}); status != Not {
		t.Errorf("a message of 65536 bytes: %d", status)
	}
}

// Names are of letters, digits and a few signs, with letters in them at their end.
func TestLettersOfNames(t *testing.T) {
	for _, good := range []string{"az", "a-z", "AZ", "a0.z9", "a." + strings.Repeat("9", 3) + "x", "1.b"} {
		if hostName([]byte(good)) != strings.ToLower(good) {
			t.Errorf("%q is none", good)
		}
	}
	for _, bad := range []string{"a@", "a[", "a`", "a{", "a/b", "a:b", "a.1", "1", "a\x80", "a..", "-.1"} {
		if got := hostName([]byte(bad)); got != "" {
			t.Errorf("%q is %q", bad, got)
		}
	}
}
