package console

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                nil,
		" \t ":                            nil,
		"dump -o json":                    {"dump", "-o", "json"},
		`dump --filter 'tcp or udp'`:      {"dump", "--filter", "tcp or udp"},
		`dump --filter "rate>1M !syn"`:    {"dump", "--filter", "rate>1M !syn"},
		`delete src:10.0.0.7 rate>1M`:     {"delete", "src:10.0.0.7", "rate>1M"},
		`a"b"'c'd`:                        {"abcd"},
		`a\ b \'`:                         {"a b", "'"},
		`"a\"b\\c\d" '\'`:                 {`a"b\c\d`, `\`},
		`''  ""`:                          {"", ""},
		"#x;y|z&(a) $HOME `id` *":         {"#x;y|z&(a)", "$HOME", "`id`", "*"},
		"dump --filter 'host:2001:db8::'": {"dump", "--filter", "host:2001:db8::"},
	} {
		got, err := splitWords(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`'a`, `"a`, `a\`, `"a\"`, "a\x00b", "a\nb", "a\x1b[2J", "\xff", "a\u009bb"} {
		if got, err := splitWords(text); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// A shell, told to expand nothing, agrees.
func FuzzSplitWords(f *testing.F) {
	for _, text := range []string{`a 'b c' "d\"e"`, `a\ b`, `''`, `"\a\\"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := splitWords(text)
		// Dollars, backquotes, operators, comments, globs and tildes mean
		// something to a shell alone.
		if err != nil || strings.ContainsAny(text, "$`;&|<>()#*?[~!{}=") {
			return
		}
		out, err := exec.Command("sh", "-c", `set -f; set -- `+text+`; printf '%s\n' "$#" "$@"`).Output()
		if err != nil {
			t.Skip(err)
		}
		n, rest, _ := strings.Cut(string(out), "\n")
		if n == "0" {
			rest = ""
		}
		var want string
		for _, w := range got {
			want += w + "\n"
		}
		if rest != want {
			t.Errorf("%q: got %q, a shell has %q", text, want, rest)
		}
	})
}
