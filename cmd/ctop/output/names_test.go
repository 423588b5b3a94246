package output

import (
	"errors"
	"os"
	"testing"

	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/internal/names/geo/geotest"
)

// TestMain names one network and one of its hosts, and has their countries and systems:
// the sample that has them has all that in the data.
func TestMain(m *testing.M) {
	table, err := names.ParseTable("names", []byte("fd00::/64 lab\nfd00::2 box.lab.example\n"))
	if err != nil {
		panic(err)
	}
	names.Use(table)
	atlas := &geo.Atlas{}
	if err := errors.Join(
		atlas.Add("countries", geotest.Countries(map[string]string{"fd00::/64": "DE"})),
		atlas.Add("systems", geotest.Systems(map[string]geotest.System{"fd00::/64": {Number: 64500, Owner: "Example"}})),
	); err != nil {
		panic(err)
	}
	geo.Use(atlas)
	os.Exit(m.Run())
}

// Text of others reaches no terminal as it is.
func TestQuoteEscapesControls(t *testing.T) {
	for in, want := range map[string]string{
		"a\x7fb\u009bc": `"a\u007fb\u009bc"`, "\u0080": `"\u0080"`, "\u009f\u00a0": `"\u009f` + "\u00a0" + `"`, "eth0": `"eth0"`, "\x1b[2J": `"\u001b[2J"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q becomes %s, want %s", in, got, want)
		}
	}
}
