package theme

import (
	"strings"
	"testing"

	"github.com/muesli/termenv"
)

func TestThemes(t *testing.T) {
	if got := New(termenv.Ascii, false, false); got != (Theme{}) {
		t.Errorf("a terminal that can do nothing gets %+v", got)
	}
	dark, light := New(termenv.ANSI, false, false), New(termenv.ANSI, false, true)
	if got := dark.Opening.Render("x"); got != "\x1b[33mx\x1b[0m" {
		t.Errorf("on dark: %q", got)
	}
	if got := light.Opening.Render("x"); got != "\x1b[35mx\x1b[0m" {
		t.Errorf("on light: %q", got)
	}
	if got := dark.Key.Render("x") + light.Key.Render("x"); got != "\x1b[1m\x1b[36mx\x1b[0m\x1b[1m\x1b[34mx\x1b[0m" {
		t.Errorf("keys: %q", got)
	}
	plain := New(termenv.TrueColor, true, false)
	if got := plain.Alert.Render("x"); got != "\x1b[1m\x1b[7mx\x1b[0m" {
		t.Errorf("without colours: %q", got)
	}
	if got := plain.Opening.Render("x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
}

func TestStyles(t *testing.T) {
	s := New(termenv.ANSI, false, false)
	if got := s.Cursor.On(s.Ended).Render("x"); got != "\x1b[9m\x1b[7mx\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := s.Cursor.Render(""); got != "" {
		t.Errorf("%q for nothing", got)
	}
}

func TestLooks(t *testing.T) {
	for _, l := range []Look{Auto, Dark, Light} {
		if got, ok := ParseLook(l.String()); !ok || got != l {
			t.Errorf("%s is read as %s", l, got)
		}
	}
	if _, ok := ParseLook("pink"); ok {
		t.Error("pink is a look")
	}
}

func TestProfiles(t *testing.T) {
	for term, want := range map[string]termenv.Profile{
		"": termenv.Ascii, "dumb": termenv.Ascii, "linux": termenv.ANSI, "xterm": termenv.ANSI, "xterm-256color": termenv.ANSI256,
		"xterm-kitty": termenv.TrueColor, "xterm-direct": termenv.TrueColor, "alacritty": termenv.TrueColor,
	} {
		if got := ProfileOf(term); got != want {
			t.Errorf("%q: %v", term, got)
		}
	}
	for _, term := range strings.Fields("vt100 vt220 vt320 vt420 vt510 xterm-mono rxvt-m") {
		if !Monochrome(term) {
			t.Errorf("%s has colours", term)
		}
	}
	if Monochrome("xterm") || Monochrome("linux") {
		t.Error("xterm has no colours")
	}
}
