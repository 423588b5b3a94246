package geo_test

import (
	"net/netip"
	"strings"
	"testing"

	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
)

// TestAtlas has the countries of one file and the systems of another, both for either
// family, and nothing of addresses that are in none.
func TestAtlas(t *testing.T) {
	var a geo.Atlas
	for name, content := range map[string][]byte{
		"countries": geotest.Countries(map[string]string{"192.0.2.0/24": "DE", "2001:db8::/32": "FR", "203.0.113.0/24": "\x1b[31m"}),
		"systems":   geotest.Systems(map[string]geotest.System{"192.0.2.128/25": {Number: 64500, Owner: "Example \x1b Org"}, "2001:db8:1::/48": {Number: 64501, Owner: "Lab"}}),
	} {
		if err := a.Add(name, content); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time from memory
		for address, want := range map[string]geo.Place{
			"192.0.2.1": {Country: "DE"}, "::ffff:192.0.2.1": {Country: "DE"}, "198.51.100.1": {},
			"2001:db8:1::9": {Country: "FR", AS: 64501, Owner: "Lab"}, "2001:db8:2::9": {Country: "FR"},
		} {
			if got := a.Of(netip.MustParseAddr(address)); got != want {
				t.Errorf("%s: %+v, not %+v", address, got, want)
			}
		}
	}
	if p := a.Of(netip.MustParseAddr("192.0.2.200")); p.AS != 64500 || !strings.HasPrefix(p.Owner, "Example") || strings.Contains(p.Owner, "\x1b") {
		t.Errorf("%+v", p)
	}
	if p := a.Of(netip.MustParseAddr("203.0.113.1")); strings.Contains(p.Country, "\x1b") {
		t.Errorf("%+v", p)
	}
	var none *geo.Atlas
	if none.Of(netip.MustParseAddr("192.0.2.1")) != (geo.Place{}) || a.Of(netip.Addr{}) != (geo.Place{}) {
		t.Error("nothing knows something")
	}
}

// TestAtlasRefuses says that a file is none of these, and survives one that is cut off or
// changed anywhere.
func TestAtlasRefuses(t *testing.T) {
	var a geo.Atlas
	if err := a.Add("f", []byte("not a database")); err == nil || !strings.Contains(err.Error(), "f: it is not a database of MaxMind's format") {
		t.Error(err)
	}
	for of, content := range map[string][]byte{"connections": geotest.Other(), "nothing": geotest.Systems(nil)} {
		if err := a.Add("f", content); err == nil || !strings.Contains(err.Error(), "f: it has neither countries nor autonomous systems") {
			t.Errorf("%s: %v", of, err)
		}
	}
	whole := geotest.Systems(map[string]geotest.System{"192.0.2.0/24": {Number: 64500, Owner: "Example"}, "10.0.0.0/8": {Number: 64501, Owner: "Other"}})
	for i := range whole {
		for _, broken := range [][]byte{whole[:i], append(append(append([]byte{}, whole[:i]...), whole[i]^0xff), whole[i+1:]...)} {
			var a geo.Atlas
			if a.Add("f", broken) == nil {
				a.Of(netip.MustParseAddr("192.0.2.1"))
				a.Of(netip.MustParseAddr("2001:db8::1"))
			}
		}
	}
}
