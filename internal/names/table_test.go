package names

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const tableText = "\ufeff# offices\n" +
	"10.0.0.0/8      everything\n" +
	"10.1.0.0/16     berlin     # the old one\n" +
	"10.1.2.3        db.example.org   db\n" +
	"10.1.2.3        second\n" +
	"10.9.9.9/24     tidied\n" +
	"2001:db8::/32   lab\n" +
	"2001:db8::7     box\n" +
	"::ffff:10.7.0.1 mapped\n"

// TestTable finds the name of the smallest network that has an address.
func TestTable(t *testing.T) {
	table, err := ParseTable("names", []byte(tableText))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"10.1.2.3": "db.example.org", "10.1.2.4": "berlin", "10.2.0.0": "everything", "11.0.0.0": "", "10.9.9.1": "tidied",
		"2001:db8::7": "box", "2001:db8:ffff::1": "lab", "2001:db9::": "", "::ffff:10.1.2.3": "db.example.org", "10.7.0.1": "mapped",
	} {
		if got := table.Of(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is %q, not %q", address, got, want)
		}
	}
	if table.Len() != 7 {
		t.Errorf("%d names", table.Len())
	}
	var none *Table
	if none.Of(netip.MustParseAddr("10.1.2.3")) != "" || none.Len() != 0 || none.Of(netip.Addr{}) != "" {
		t.Error("nothing has names")
	}
}

// TestTableRefused says what is wrong in which line.
func TestTableRefused(t *testing.T) {
	for text, want := range map[string]string{
		"\n10.0.0.7":                            "f:2: 10.0.0.7/32 has no name",
		"10.0.0 x":                              `f:1: "10.0.0" is not an address or a network: write it like`,
		"\x1b[2J x":                             "f:1: ",
		"10.0.0.0/33 x":                         "is not an address or a network",
		"1.2.3.4 " + strings.Repeat("x", 1<<17): "shorten its lines",
	} {
		_, err := ParseTable("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v, not %q", text, err, want)
		}
	}
	var many strings.Builder
	for i := range mostNames + 1 {
		fmt.Fprintf(&many, "10.%d.%d.%d x\n", i>>16, i>>8&255, i&255)
	}
	if _, err := ParseTable("f", []byte(many.String())); err == nil || !strings.Contains(err.Error(), "more than 200,000 names") {
		t.Errorf("too many: %v", err)
	}
	table, err := ParseTable("f", []byte("10.0.0.1 \x1b[31mred\x1b[m"))
	if name := table.Of(netip.MustParseAddr("10.0.0.1")); err != nil || strings.Contains(name, "\x1b") || name == "" {
		t.Errorf("%q, %v", name, err)
	}
}

// TestOwn keeps the names while there are no newer ones, and says why.
func TestOwn(t *testing.T) {
	t.Cleanup(func() { Use(nil) })
	table, err := ParseTable("f", []byte(tableText))
	if err != nil || HasOwn() {
		t.Fatal(err, HasOwn())
	}
	Use(table)
	Keep(fmt.Errorf("f:3: wrong"))
	box := netip.MustParseAddr("2001:db8::7")
	if !HasOwn() || Own(box) != "box" || Trouble() != "f:3: wrong" {
		t.Errorf("%q, %q", Own(box), Trouble())
	}
	b := New(nil)
	if b.Host(box) != box.String() {
		t.Error("shown though they are off")
	}
	if b.Set(true); b.Host(box) != "box" {
		t.Errorf("%q", b.Host(box))
	}
	if Use(table); Trouble() != "" {
		t.Errorf("still %q", Trouble())
	}
}
