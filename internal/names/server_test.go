package names

import (
	"net/netip"
	"slices"
	"testing"

	"ctop/tracker/flow"
)

// All names of an address are listed with their sources, and the operator's own one goes
// before that of the traffic, which goes before that of a look-up.
func TestNamesOfServers(t *testing.T) {
	defer Use(nil)
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	table, err := ParseTable("names", []byte("10.0.0.1 mine\n"))
	if err != nil {
		t.Fatal(err)
	}
	Use(table)
	off := new(Book)
	on := open(nil)
	on.Add(a, "ptr-a.example.")
	on.Add(b, "")
	server := &flow.ServerName{Name: "a\x1b[2J.example.", Source: flow.NameSNI}
	outer := &flow.ServerName{Name: "a.example", Source: flow.NameSNIOuter}
	for _, c := range []struct {
		book   *Book
		of     netip.Addr
		server *flow.ServerName
		want   []string
	}{
		{on, a, outer, []string{"mine (file)", "a.example (" + flow.NameSNIOuter.String() + ")", "ptr-a.example (ptr)"}},
		{on, a, nil, []string{"mine (file)", "ptr-a.example (ptr)"}},
		{on, b, outer, []string{"a.example (" + flow.NameSNIOuter.String() + ")"}},
		{on, b, nil, nil},
		{off, a, outer, []string{"mine (file)", "a.example (" + flow.NameSNIOuter.String() + ")"}},
		{off, a, nil, []string{"mine (file)"}},
	} {
		if got := c.book.Of(c.of, c.server); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.of, got, c.want)
		}
	}
	if got := ServerText(server); got != "a·[2J.example" {
		t.Errorf("%q", got)
	}
	if ServerText(outer) != "a.example?" {
		t.Error("an outer name is not doubtful")
	}
	tuple := func(to string) flow.Tuple {
		return flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.9:1"), Dst: flow.MustParseEnd(to)}
	}
	for _, c := range []struct {
		book   *Book
		to     string
		server *flow.ServerName
		want   string
	}{
		{on, "10.0.0.1:9999", outer, "mine:9999"},
		{on, "10.0.0.2:9999", outer, "a.example?:9999"},
		{on, "10.0.0.2:9999", nil, "10.0.0.2:9999"},
		{off, "10.0.0.2:9999", outer, "10.0.0.2:9999"},
	} {
		if got := c.book.Destination(tuple(c.to), c.server); got != c.want {
			t.Errorf("%s is %q, want %q", c.to, got, c.want)
		}
	}
}

// A network of one family says nothing of addresses of the other.
func TestFamiliesOfTable(t *testing.T) {
	table, err := ParseTable("names", []byte("0.0.0.0/0 four\n::/0 six\n10.0.0.0/8 ten\n"))
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]string{"192.0.2.1": "four", "10.1.1.1": "ten", "2001:db8::1": "six", "::ffff:10.1.1.1": "ten"} {
		if got := table.Of(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is %q, want %q", a, got, want)
		}
	}
	if (*Table)(nil).Of(netip.MustParseAddr("10.0.0.1")) != "" || new(Table).Len() != 0 || table.Len() != 3 {
		t.Error("an empty table has names")
	}
}
