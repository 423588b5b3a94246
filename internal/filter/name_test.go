package filter

import (
	"net/netip"
	"strings"
	"testing"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
	"ctop/tracker/flow"
)

// TestNames selects flows by the operator's own names of either end, by names that were
// looked up, and by both at once; an unknown name matches no pattern.
func TestNames(t *testing.T) {
	table, err := names.ParseTable("f", []byte("10.0.0.2 DB.example.org\n10.0.0.0/24 office\n2001:db8::/32 lab\n"))
	if err != nil {
		t.Fatal(err)
	}
	names.Use(table)
	t.Cleanup(func() { names.Use(nil) })
	atlas := &geo.Atlas{}
	if err := atlas.Add("f", geotest.Systems(map[string]geotest.System{"192.0.2.0/24": {Number: 64500, Owner: "Example Org"}})); err != nil {
		t.Fatal(err)
	}
	if err := atlas.Add("g", geotest.Countries(map[string]string{"192.0.2.0/24": "DE", "10.0.0.0/24": "FR"})); err != nil {
		t.Fatal(err)
	}
	geo.Use(atlas)
	t.Cleanup(func() { geo.Use(nil) })
	known := map[netip.Addr]string{netip.MustParseAddr("192.0.2.9"): "web.example.net", netip.MustParseAddr("10.0.0.2"): "old.example.net"}
	of := func(src, dst string) *flow.Flow {
		return &flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(src), Dst: flow.MustParseEnd(dst)}}
	}
	db, web, far := of("10.0.0.7:1", "10.0.0.2:5432"), of("192.0.2.9:443", "198.51.100.1:1"), of("198.51.100.1:1", "198.51.100.2:2")
	for _, test := range []struct {
		text         string
		db, web, far bool
	}{
		{"name:db.example.org", true, false, false},
		{"name:*.example.org", true, false, false},
		{"name:*.EXAMPLE.net", true, true, false},
		{"name:office", true, false, false},
		{"name:offic", false, false, false},
		{"name:*", true, true, false},
		{"!name:*", false, false, true},
		{"name:lab,web*", false, true, false},
		{"name:old.*", true, false, false},
		{"~db.exam", true, false, false},
		{"~web.exam", false, true, false},
		{"name:db* port:5432", true, false, false},
		{"country:de", false, true, false},
		{"country:DE,FR", true, true, false},
		{"!country:*", false, false, true},
		{"as:64500", false, true, false},
		{"as:6450", false, false, false},
		{"as:*example*", false, true, false},
	} {
		f, err := Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		f = f.Named(known)
		if a, b, c := f.Match(db), f.Match(web), f.Match(far); a != test.db || b != test.web || c != test.far || f.UsesNames() != (strings.Contains(test.text, "name") || strings.HasPrefix(test.text, "~")) {
			t.Errorf("%s: %t %t %t, uses names %t", test.text, a, b, c, f.UsesNames())
		}
	}
	f, err := ParseNamed("dst:db")
	if err != nil || !f.Named(nil).Match(db) || f.Named(nil).Match(far) {
		t.Errorf("dst:db: %v", err)
	}
	if _, err := Parse("name:"); err == nil {
		t.Error("name: is accepted")
	}
	if _, err := Parse("name>1"); err == nil {
		t.Error("name>1 is accepted")
	}
}
