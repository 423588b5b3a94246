package config_test

import (
	"fmt"
	"strings"
	"testing"

	"ctop/cmd/ctop/config"
)

func TestParse(t *testing.T) {
	const text = `# what it does
policy = "enforce"
max-flows = 100_000

keep = true
timeout = ["icmp=5s", 'other=1h']
other.udp = "1m"
profile = { a = "b" }
[serve]
ssh = ":22"
`
	const want = `f:2 policy [enforce]
f:3 max-flows [100000]
f:5 keep [true]
f:6 timeout [icmp=5s other=1h]
f:7 other [udp=1m]
f:8 profile [a=b]
f:10 serve [ssh=:22]
`
	for _, mark := range []string{"", "\ufeff"} {
		settings, err := config.Parse("f", []byte(mark+text))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, s := range settings {
			fmt.Fprintln(&got, s.Place, s.Name, s.Values)
		}
		if got.String() != want {
			t.Errorf("got\n%swant\n%s", got.String(), want)
		}
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\npolicy enforce":      "f:2: this is not TOML",
		"a = 1\nb = 2\na = 3":        "f:3: ",
		"[[a]]":                      "f:1: [[a]] is not a setting",
		"\nfor = 2.5":                "f:2: the value of for has an unsupported type",
		"\n\nfor = [1, 2026-11-23]":  "f:3: the value of for has an unsupported type",
		"x = {a = {b = 1}}":          "f:1: the value of x.a has an unsupported type",
		"\"\\u0041b\" = 1979-05-27Z": "f:1: ",
	} {
		if _, err := config.Parse("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("policy = \"enforce\"\ntimeout = ['icmp=5s']\n[timeout]\nother = 1\n")
	f.Add("a = {b = [1, 2], c.d = true}\n\"\\u00e9\".x = '''\n'''")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := config.Parse("f", []byte(text))
		if err == nil {
			for _, s := range settings {
				if s.Place == "f" {
					t.Errorf("%s has no line", s.Name)
				}
			}
		}
	})
}
