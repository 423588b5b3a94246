package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// secrets has every word and address that a random snapshot was filled with.
type secrets struct {
	r         *rand.Rand
	words     []string
	addresses []netip.Addr
}

// fill gives every text in a value a word of its own, so that one that is forgotten is
// found.
func (s *secrets) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		word := fmt.Sprintf("Zq%dsecret", len(s.words))
		s.words = append(s.words, word)
		v.SetString(word)
	case reflect.Pointer:
		if v.Type().Elem() != reflect.TypeFor[time.Location]() {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			s.fill(v.Index(i))
		}
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*time.Time); ok {
			*at = start
			return
		}
		if at, ok := v.Addr().Interface().(*flow.Tuple); ok {
			*at = s.tuple()
			return
		}
		for i := range v.NumField() {
			s.fill(v.Field(i))
		}
	}
}

// tuple returns a tuple of two addresses of some class, with bytes that no text has.
func (s *secrets) tuple() flow.Tuple {
	b := func() byte { return byte(160 + s.r.IntN(90)) }
	prefixes := [...][]byte{
		{b(), b()}, {10, b()}, {172, 16 + byte(s.r.IntN(16))}, {192, 168}, {127, b()}, {169, 254}, {224 + byte(s.r.IntN(15)), b()}, {240, b()},
	}
	p := prefixes[s.r.IntN(len(prefixes))]
	four := func() netip.Addr { return netip.AddrFrom4([4]byte{p[0], p[1], b(), b()}) }
	six := func() netip.Addr {
		var a [16]byte
		for i := range a {
			a[i] = b()
		}
		copy(a[:], [...][]byte{{0x20, 1}, {0xfe, 0x80, 0, 0, 0, 0, 0, 0}, {0xff, 2}, {0xfd}, {0x3f, 0xff, 0, 0}}[s.r.IntN(5)])
		return netip.AddrFrom16(a)
	}
	mapped := func() netip.Addr { return netip.AddrFrom16(four().As16()) }
	of := [...]func() netip.Addr{four, six, mapped}[s.r.IntN(3)]
	src, dst := of(), of()
	s.addresses = append(s.addresses, src, dst)
	return flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.EndFrom(src, 40000), Dst: flow.EndFrom(dst, 443)}
}

func secretContents() (Contents, *secrets) {
	s := &secrets{r: rand.New(rand.NewPCG(3, 4))}
	var snapshots []*flow.Snapshot
	var events []flow.Event
	for i := range 15 {
		var x flow.Snapshot
		s.fill(reflect.ValueOf(&x).Elem())
		x.Time, x.MaxFlows, x.Stalled = start.Add(time.Duration(i)*time.Second), 100, make([]bool, 3)
		for k := range x.Warnings {
			x.Warnings[k].Kind = flow.WarningKind(i % 13)
		}
		for j := range x.Flows {
			x.Flows[j].ID, x.Flows[j].State, x.Flows[j].NAT = flow.ID(i*10+j+1), flow.StateNew, uint32(j+1)
		}
		snapshots = append(snapshots, &x)
		var e flow.Event
		s.fill(reflect.ValueOf(&e).Elem())
		e.Time, e.Type, e.To = x.Time, flow.EventNew, flow.StateNew
		events = append(events, e)
	}
	return Contents{
		Made: start, Snapshots: slices.Values(snapshots), Events: events, Anonymise: true,
		Files: func(last *flow.Snapshot) ([]File, error) {
			// Command and NAT are for no output, but may be for one later.
			text, err := json.Marshal(struct {
				*flow.Snapshot
				Other []flow.Tuple
			}{last, last.Translations})
			for i := range last.Flows {
				text = append(text, last.Flows[i].Holding.Process.Command...)
			}
			return []File{{"about.json", text}}, err
		},
	}, s
}

// unpacked returns a bundle as it is, and everything in it without compression.
func unpacked(t *testing.T, text []byte) []byte {
	t.Helper()
	all := slices.Clone(text)
	var whole []byte
	list := members(t, text)
	for i := range len(list) {
		whole = append(whole, list[fmt.Sprintf("%s%06d", pieces, i)]...)
	}
	for name, member := range list {
		all = append(append(all, name...), member...)
	}
	_, packed, ok := bytes.Cut(whole, []byte("\n"))
	if !ok {
		t.Fatal("there is no recording")
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, lines...)
}

// encodings returns how an address may be written.
func encodings(a netip.Addr) [][]byte {
	var list [][]byte
	add := func(b []byte) {
		reversed := slices.Clone(b)
		slices.Reverse(reversed)
		for _, one := range [][]byte{b, reversed} {
			plain := hex.EncodeToString(one)
			list = append(list, one, []byte(plain), []byte(strings.ToUpper(plain)), []byte(base64.StdEncoding.EncodeToString(one)))
		}
	}
	raw := a.AsSlice()
	add(raw)
	list = append(list, []byte(a.String()), []byte(a.StringExpanded()))
	if a.Unmap().Is4() {
		four := a.Unmap().As4()
		if four[0] != 240 { // four bytes that no compressed data has by chance are too few to look for
			list = append(list, []byte(a.Unmap().String()))
		}
		six := a.Unmap().As16()
		add(six[:])
		list = append(list, fmt.Appendf(nil, "%d.%d.%d.%d", four[3], four[2], four[1], four[0]),
			fmt.Append(nil, binary.BigEndian.Uint32(four[:])), fmt.Append(nil, binary.LittleEndian.Uint32(four[:])))
	}
	return list
}

// An anonymised bundle has none of the words and addresses of the original, in any
// encoding, compressed or not. Every text that a snapshot or an event can have is filled, so
// a new one that is forgotten fails the test.
func TestAnonymous(t *testing.T) {
	c, s := secretContents()
	all := unpacked(t, written(t, c))
	lower := bytes.ToLower(all)
	for _, word := range s.words {
		for _, code := range []string{word, hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte(word))} {
			if bytes.Contains(lower, []byte(strings.ToLower(code))) {
				t.Errorf("it has the word %q", word)
			}
		}
	}
	for _, a := range s.addresses {
		for _, code := range encodings(a) {
			// Four bytes are in compressed data by chance.
			where := all
			if len(code) == 4 {
				where = all[len(written(t, c)):]
			}
			if contains(where, code) {
				t.Errorf("it has the address %s as %q", a, code)
			}
		}
	}
	// What was searched is what would be found without anonymising.
	c.Anonymise = false
	plain := unpacked(t, written(t, c))
	found := 0
	for _, a := range s.addresses {
		if contains(plain, []byte(a.String())) {
			found++
		}
	}
	// Recordings have no translations.
	if found < len(s.addresses)/2 {
		t.Fatalf("the search finds %d of %d addresses", found, len(s.addresses))
	}
	if !bytes.Contains(plain, []byte(s.words[0])) {
		t.Fatal("the search does not find words")
	}
}

// contains reports whether a text has a code. A number that is a part of a longer one is
// another number.
func contains(text, code []byte) bool {
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	for from := 0; ; {
		i := bytes.Index(text[from:], code)
		if i < 0 {
			return false
		}
		i += from
		first, last := code[0], code[len(code)-1]
		inside := first >= '0' && first <= '9' && digit(i-1) || last >= '0' && last <= '9' && digit(i+len(code))
		if !inside {
			return true
		}
		from = i + 1
	}
}

// The same is the same everywhere, what differs stays different, and classes stay.
func TestConsistent(t *testing.T) {
	c, s := secretContents()
	a := NewAnonymiser()
	for x := range c.Snapshots {
		a.Learn(x)
	}
	a.LearnEvents(c.Events)
	seen := map[netip.Addr]netip.Addr{}
	for range 2 {
		for _, from := range s.addresses {
			to := a.replace(from)
			if before, ok := seen[to]; ok && before != from {
				t.Errorf("%s and %s are both %s", before, from, to)
			}
			seen[to] = from
			if to != a.replace(from) || to == from || to.Is4() != from.Is4() || to.Is4In6() != from.Is4In6() {
				t.Errorf("%s is %s, then %s", from, to, a.replace(from))
			}
			f, g := from.Unmap(), to.Unmap()
			if f.IsLoopback() != g.IsLoopback() || f.IsMulticast() != g.IsMulticast() || f.IsPrivate() != g.IsPrivate() ||
				f.IsLinkLocalUnicast() != g.IsLinkLocalUnicast() {
				t.Errorf("%s and %s are of different classes", from, to)
			}
		}
	}
	for _, same := range []string{"0.0.0.0", "255.255.255.255", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1"} {
		if to := a.replace(netip.MustParseAddr(same)); to.String() != same {
			t.Errorf("%s is %s", same, to)
		}
	}
	for _, c := range []struct {
		one, other string
		bits       int
	}{{"198.51.100.7", "198.51.100.9", 24}, {"2001:db8::7", "2001:db8::9", 64}} {
		one, other := a.replace(netip.MustParseAddr(c.one)), a.replace(netip.MustParseAddr(c.other))
		if p, _ := one.Prefix(c.bits); !p.Contains(other) {
			t.Errorf("%s and %s are no longer in one network", one, other)
		}
	}
	if a.interfaceName("lo") != "lo" || a.word("host", "") != "" || a.user(0) != 0 || a.user(33) != 1000 || a.user(33) != 1000 {
		t.Error("what is the same everywhere is replaced")
	}
}

// A range that is used up goes on in another one, and no replacement was an original.
func TestManyNetworks(t *testing.T) {
	a := newAddresses()
	for i := range 600 {
		a.learn(netip.AddrFrom4([4]byte{169, 254, byte(i / 250), byte(i)}))
		a.learn(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i)}))
	}
	seen := map[netip.Addr]bool{}
	for from := range a.original {
		to := a.replace(from)
		if a.original[to] || seen[to] || !to.IsPrivate() && !to.IsLinkLocalUnicast() {
			t.Errorf("%s is %s", from, to)
		}
		seen[to] = true
	}
	used := newAddresses()
	used.used[netip.MustParsePrefix("10.0.0.0/8")] = 1 << 16
	if to := used.replace(netip.MustParseAddr("10.1.2.3")); to.String() != "240.0.0.1" {
		t.Errorf("after the last private network comes %s", to)
	}
	// Beyond a million networks of other addresses, none is used twice.
	for range 1<<20 - 2 {
		used.network(netip.MustParsePrefix("240.0.0.0/4"), 24, netip.MustParsePrefix("240.0.0.0/4"))
	}
	for _, pair := range [][2]string{{"192.0.2.1", "255.255.255.1"}, {"198.51.100.1", "16.0.0.1"}, {"10.2.3.4", "16.0.1.1"}} {
		if to := used.replace(netip.MustParseAddr(pair[0])); to.String() != pair[1] {
			t.Errorf("%s is %s, want %s", pair[0], to, pair[1])
		}
	}
}

// The hosts of a network of IPv6 stay in one network, with numbers in the order in which they
// are met, of which there are as many as anybody has hosts.
func TestHostsOfANetwork(t *testing.T) {
	a := newAddresses()
	for i := range 600 {
		from := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)})
		if to := a.replace(from); a.replace(netip.MustParseAddr("2001:db8::1")).As16()[7] != to.As16()[7] || i > 1 && to.As16()[15] == 0 && to.As16()[14] == 0 {
			t.Fatalf("%s is %s", from, to)
		}
	}
	if len(a.networks) != 1 {
		t.Errorf("600 hosts are in %d networks", len(a.networks))
	}
	for i := range 255 {
		a.replace(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	if n := a.networks[netip.MustParsePrefix("192.0.2.0/24")]; n == nil || n.hosts != 1 {
		t.Errorf("the 255th host of a network is the first of %+v", n)
	}
}
