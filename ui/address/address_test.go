package address

import (
	"slices"
	"testing"

	"ctop/internal/format"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		width int
		ends  []string
		want  []string
	}{
		{21, []string{"10.0.0.1:443", "255.255.255.255:65535"}, []string{"10.0.0.1:443", "255.255.255.255:65535"}},
		{21, []string{"255.255.255.255 echo #65535"}, []string{"255.255.255.255#65535"}},
		// Neighbours differ in the end.
		{
			20,
			[]string{"[2001:db8:85a3::8a2e:7334]:443", "[2001:db8:85a3::8a2e:7335]:443"},
			[]string{"[…a3::8a2e:7334]:443", "[…a3::8a2e:7335]:443"},
		},
		// Networks differ in the middle.
		{
			20,
			[]string{"[2001:db8:1:aaaa::8a2e:370:7334]:443", "[2001:db8:1:bbbb::8a2e:370:7334]:443"},
			[]string{"[…aaaa::8a2e:3…]:443", "[…bbbb::8a2e:3…]:443"},
		},
		// Only the beginning differs.
		{16, []string{"2001:db8::1:2:3:4:5", "2002:db8::1:2:3:4:5"}, []string{"2001:db8::1:2:3…", "2002:db8::1:2:3…"}},
		{16, []string{"2001:db8:85a3:1:2:3:4:5"}, []string{"…:85a3:1:2:3:4:5"}},
	} {
		got := Fit(c.ends, c.width)
		for _, text := range got {
			if format.Width(text) > c.width {
				t.Errorf("%q is wider than %d", text, c.width)
			}
		}
		if !distinct(c.ends, got) {
			t.Errorf("%q look alike", got)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d: got %q, want %q", c.width, got, c.want)
		}
	}
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		width      int
		text, want string
	}{
		{40, "[2001:db8:85a3::8a2e:370:7334]:65535", "[2001:db8:85a3::8a2e:370:7334]:65535"},
		{35, "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", "[2001:db8:1234…ef0:1234:5678]:65535"},
		{34, "[2001:db8:1234:5678:9abc:def0:1234:5678]:443", "[2001:db8:1234…def0:1234:5678]:443"},
		{20, "2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:…:1234:5678"},
		{9, "[2001:db8::1]:65535", "[2001:db…"},
	} {
		if got := Ends(c.text, c.width); got != c.want || format.Width(got) > c.width {
			t.Errorf("in %d cells it is %q, not %q", c.width, got, c.want)
		}
	}
}

func TestNothingIsWiderThanItsColumn(t *testing.T) {
	ends := []string{
		"[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", "255.255.255.255:65535", "10.0.0.1 echo #4711",
		"2001:db8:1234:5678:9abc:def0:1234:5678 type 200 #65535", "::", "", "[::]:0",
	}
	for width := range 60 {
		texts := Fit(ends, width)
		for _, text := range ends {
			texts = append(texts, Ends(text, width))
		}
		for _, text := range texts {
			if format.Width(text) > width {
				t.Fatalf("%q is wider than %d", text, width)
			}
		}
	}
}
