package names

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

func TestBook(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	book := New(func(_ context.Context, a netip.Addr) (string, error) {
		if a.Is6() {
			return "", errors.New("no such host")
		}
		return "evil\x1b[31m.example.", nil
	})
	tuple := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.EndFrom(a, 40000), Dst: flow.EndFrom(b, 443)}
	if got := book.Wanted([]netip.Addr{a}); got != nil {
		t.Fatalf("asks for %v while names are off", got)
	}
	book.Set(true)
	if got := book.Source(tuple); got != "10.0.0.1:40000" {
		t.Errorf("source %q before the answer", got)
	}
	wanted := book.Wanted([]netip.Addr{a, b, a})
	if len(wanted) != 2 || book.Wanted([]netip.Addr{a}) != nil {
		t.Fatalf("asks for %v", wanted)
	}
	for _, w := range wanted {
		book.Add(w, book.Ask(w))
	}
	if got := book.Source(tuple); got != "evil·[31m.example:40000" {
		t.Errorf("source %q", got)
	}
	if got := book.Destination(tuple, nil); got != "[2001:db8::1]:https" {
		t.Errorf("destination %q", got)
	}
	book.Set(false)
	if got := book.Destination(tuple, nil); got != "[2001:db8::1]:443" {
		t.Errorf("destination %q with names off", got)
	}
}

func TestBookIsBounded(t *testing.T) {
	book := New(nil)
	a := netip.MustParseAddr("10.0.0.1")
	for range Limit + 100 {
		book.Add(a, strings.Repeat("x", 300))
		a = a.Next()
	}
	if len(book.known) != Limit || len(book.order) != Limit {
		t.Fatalf("remembers %d names", len(book.known))
	}
	book.Set(true)
	if n := len(book.Host(book.order[0])); n > longest+3 {
		t.Fatalf("a name of %d bytes", n)
	}
}
