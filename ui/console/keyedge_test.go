package console

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Times of keys are local unless they say otherwise, and of three lengths.
func TestExpiryTimes(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for text, want := range map[string]string{
		"20270102": "2027-01-01T23:00:00Z", "20270102Z": "2027-01-02T00:00:00Z", "202701020304": "2027-01-02T02:04:00Z", "20270102030405Z": "2027-01-02T03:04:05Z",
		"2027010203": "", "Z": "", "": "", "20271302": "", "202701022404": "", "2027010x": "",
	} {
		got, err := parseExpiry(text, berlin)
		if (err != nil) != (want == "") || err == nil && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// Options end at the first blank outside quotes, and each value at a comma.
func TestNextOption(t *testing.T) {
	for text, want := range map[string]string{
		`a="b c",d`: "a|b c|,d", `a=b,c`: "a|b|,c", `a=b c`: "a|b| c", "a=b\tc": "a|b|\tc", `a=b`: "a|b|", `a=`: "a||", `a= x`: "a|| x", `a=b"c`: `a|b|"c`, `a=""`: "a||",
		`a`: "", `a b`: "", `a,b=c`: "", `a="b`: "", `a"b`: "",
	} {
		name, value, rest, err := nextOption(text)
		if got := name + "|" + value + "|" + rest; (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for text, want := range map[string][2]string{"a b": {"a", "b"}, "a \t b c": {"a", "b c"}, "a": {"a", ""}, "": {"", ""}, "a\tb": {"a", "b"}, " a": {"", "a"}} {
		if word, rest := cutWord(text); word != want[0] || rest != want[1] {
			t.Errorf("%q: %q, %q", text, word, rest)
		}
	}
	for text, want := range map[string]string{strings.Repeat("x", 40): strings.Repeat("x", 40), strings.Repeat("x", 41): strings.Repeat("x", 40) + "…", strings.Repeat("é", 21): strings.Repeat("é", 20) + "…", "x" + strings.Repeat("é", 20): "x" + strings.Repeat("é", 19) + "…"} {
		if got := shorten(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a file, a line and a comment may have at most is read, and one byte more is not.
func TestLongestKeys(t *testing.T) {
	s := newSigner(t)
	plain := strings.TrimRight(line("", s, ""), " \n")
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{plain + " " + strings.Repeat("c", maxComment), true},
		{plain + " " + strings.Repeat("c", maxComment+1), false},
		{plain + strings.Repeat(" ", maxKeyLine-len(plain)), true},
		{plain + strings.Repeat(" ", maxKeyLine-len(plain)+1), false},
		{plain + "\n" + strings.Repeat("#\n", (maxKeysFile-len(plain)-1)/2), true},
		{plain + "\n" + strings.Repeat("#\n", maxKeysFile/2), false},
		{plain + "\r\n\r\n \t\r\n", true},
		{"# a\tb\n" + plain, true},
	} {
		if keys, err := parseKeys("keys", []byte(c.text), time.UTC); (err == nil) != c.ok || err == nil && len(keys) != 1 {
			t.Errorf("%.90q of %d bytes: %d keys, %v", c.text, len(c.text), len(keys), err)
		}
	}
}

// An address with a mapped IPv4 address is one of IPv4, in a pattern as in a connection.
func TestMappedSources(t *testing.T) {
	for pattern, in := range map[string]string{"::ffff:192.0.2.1": "192.0.2.1", "192.0.2.1": "::ffff:192.0.2.1", "fe80::1": "fe80::1%eth0", "192.0.2.?": "192.0.2.7", "!10.0.0.1,*": "192.0.2.1"} {
		list, err := parseSources(pattern)
		if err != nil || !list.match(netip.MustParseAddr(in)) || list.match(netip.MustParseAddr("10.0.0.1")) {
			t.Errorf("%s does not fit %s, or fits all: %v", pattern, in, err)
		}
	}
	if !sources(nil).match(netip.MustParseAddr("10.0.0.1")) {
		t.Error("no list fits nothing")
	}
}
