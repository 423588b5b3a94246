package config

import (
	"fmt"
	"strings"
	"testing"
)

// Every kind of line becomes a setting with its values and its place.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"policy = \"enforce\"", "policy=enforce@f:1"},
		{"\xef\xbb\xbfpolicy = \"enforce\"", "policy=enforce@f:1"},
		{"\n# a comment\nkeep = true\nmax-flows = 1_000_000", "keep=true@f:3 max-flows=1000000@f:4"},
		{"on = [\"a\", \"b\"]\nto = []", "on=a,b@f:1 to=@f:2"},
		{"timeout.icmp = \"5s\"", "timeout=icmp=5s@f:1"},
		{"timeout = {icmp = \"5s\",\n udp = \"6s\"}", "timeout=icmp=5s@f:1 timeout=udp=6s@f:2"},
		{"a = 1\n[timeout]\nicmp = \"5s\"", "a=1@f:1 timeout=icmp=5s@f:3"},
		{"[timeout]\n[other]\nb = 2", "other=b=2@f:3"},
		{"[alert.storm]\ncount = 5\nfilter = \"tcp\"", "alert=storm.count=5@f:2 alert=storm.filter=tcp@f:3"},
		{"[alert.storm]\ncount = 5\n[alert.flood]\nrate = 6", "alert=storm.count=5@f:2 alert=flood.rate=6@f:4"},
	} {
		settings, err := Parse("f", []byte(c.text))
		var got []string
		for _, s := range settings {
			got = append(got, fmt.Sprintf("%s=%s@%s", s.Name, strings.Join(s.Values, ","), s.Place))
		}
		if text := strings.Join(got, " "); err != nil || text != c.want {
			t.Errorf("%q becomes %q, %v; want %q", c.text, text, err, c.want)
		}
	}
}

// An error says where it is, and what to write.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\nb":                               "f:2: this is not TOML (",
		"a = 1\na = 2":                           "f:2: this is not TOML (",
		"a = 1\n[[b]]\nc = 1":                    "f:2: [[b]] is not a setting: write it like policy = \"enforce\"",
		"\na = 1.5":                              "f:2: the value of a has an unsupported type: write it in quotes",
		"a = [\"b\", 1.5]":                       "f:1: the value of a has an unsupported type: write it in quotes",
		"a = {b = 1.5}":                          "f:1: the value of a.b has an unsupported type: write it in quotes",
		"[t]\na = 1979-05-27":                    "f:2: the value of t.a has an unsupported type: write it in quotes",
		"a = 1\n[alert.storm]":                   "f:2: [alert.storm] has no settings: add some, or remove it",
		"[alert.storm]\n[alert.flood]\nrate = 6": "f:1: [alert.storm] has no settings: add some, or remove it",
	} {
		settings, err := Parse("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || settings != nil {
			t.Errorf("%q: %v, %v; want %q", text, settings, err, want)
		}
	}
}
