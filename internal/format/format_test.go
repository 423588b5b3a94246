package format

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1284): "1,284", Count(65536): "65,536", Count(1000000): "1,000,000",
		Rate(0): "0", Rate(0.5): "0.5", Rate(784): "784", Rate(999.7): "1.0 k", Rate(1234): "1.2 k",
		Rate(88000): "88 k", Rate(9.96e6): "10 M", Rate(412e6): "412 M", Rate(1e30): "1000000000000 E",
		Total(60): "60", Total(4100): "4.1 k", Total(96e6): "96.0 M", Total(math.MaxUint64): "18.4 E",
		Unit(412e6, "b/s"): "412 Mb/s", Unit(48100, "pps"): "48.1 kpps", Unit(0, "b/s"): "0 b/s",
		TotalBytes(80): "80 B", TotalBytes(94.1e6): "94.1 MB",
		Percent(1284, 65536): "2 %", Percent(0, 10): "0 %", Percent(1, 65536): "<1 %", Percent(65535, 65536): "99 %",
		Percent(3, 0): "0 %", Percent(10, 10): "100 %",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for got, want := range map[string]string{
		Lasted(858 * time.Microsecond): "0.86 ms", Lasted(time.Second): "1s",
		Countdown(0): "0:00", Countdown(9*time.Second + 999*time.Millisecond): "0:09", Countdown(107 * time.Second): "1:47",
		Countdown(time.Hour - 1): "59:59", Countdown(5*time.Hour + 12*time.Minute): "5h12m", Countdown(23 * time.Hour): "23h",
		Countdown(5*day - 1): "4d23h", Countdown(400 * day): "400d",
		Age(42 * time.Second): "42s", Age(372 * time.Second): "6m12s", Age(12 * time.Minute): "12m", Age(-1): "0s",
		Timeout(5 * day): "5d", Timeout(90 * time.Minute): "1h30m", Timeout(1500 * time.Millisecond): "1.5s", Timeout(time.Minute): "1m", Timeout(61*time.Second + 50*time.Millisecond): "1m1.05s", Timeout(250 * time.Millisecond): "0.25s", Timeout(0): "0s",
		Words(5 * day): "5 days", Words(90 * time.Second): "1 minute 30 seconds", Words(200 * time.Millisecond): "0.2 s", Words(0): "0 seconds",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWidths checks that no number is wider than its column.
func TestWidths(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 100000 {
		v := math.Exp(rnd.Float64() * 44)
		d := time.Duration(math.Min(v, 3e17))
		for text, most := range map[string]int{
			Rate(v): 5, Total(uint64(v)): 7, Countdown(d): 5, Age(d): 5, Percent(int(v), math.MaxInt64): 5,
		} {
			if Width(text) > most {
				t.Fatalf("%q is wider than %d for %v", text, most, v)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"eth0":                 "eth0",
		"veth1 ⇄ veth2":        "veth1 ⇄ veth2",
		"a\x1b[2Jb":            "a·[2Jb",
		"a\nb\tc\r":            "a b c ",
		"\u202egnp.exe":        "·gnp.exe",
		"\x9b31m":              "·31m",
		"\u0085":               "·",
		string([]byte{0xff}):   "·",
		"\u200bzero\u2066wide": "·zero·wide",
		"\x7f":                 "·",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b]52;c;AA==\x07")
	f.Fuzz(func(t *testing.T, s string) {
		clean := Clean(s)
		if ansi.Strip(clean) != clean {
			t.Fatalf("%q still steers a terminal: %q", s, clean)
		}
		for width := range 12 {
			if got := Width(Left(clean, width)); got != width {
				t.Fatalf("Left(%q, %d) is %d wide", clean, width, got)
			}
		}
	})
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		share float64
		want  string
	}{{0, "        "}, {1, "████████"}, {0.5, "████    "}, {0.0001, "▏       "}, {7, "████████"}, {-1, "        "}, {9.0 / 16, "████▌   "}} {
		if got := Bar(c.share, 8); got != c.want {
			t.Errorf("Bar(%v) = %q, want %q", c.share, got, c.want)
		}
	}
	for _, c := range []struct {
		share float64
		want  string
	}{{0, "    "}, {1, "━━━━"}, {0.5, "━━  "}, {0.0001, "╸   "}, {7, "━━━━"}, {-1, "    "}, {5.0 / 8, "━━╸ "}} {
		if got := Line(c.share, 4); got != c.want {
			t.Errorf("Line(%v) = %q, want %q", c.share, got, c.want)
		}
	}
	if got := Spark([]float64{9, 0, 4, 8}, 3); got != "▁▄█" {
		t.Errorf("Spark = %q", got)
	}
}

// Silence is blank in a pulse, and anything else is seen.
func TestPulse(t *testing.T) {
	if got := Pulse([]float64{0, 1e-9, 4, 8, 0}); got != " ▁▅█ " {
		t.Errorf("Pulse = %q", got)
	}
	if got := Pulse([]float64{0, 0}); got != "  " {
		t.Errorf("Pulse = %q", got)
	}
}

func TestShellQuote(t *testing.T) {
	for text, want := range map[string]string{"": "''", "a b": "'a b'", "it's $x": `'it'\''s $x'`} {
		if got := ShellQuote(text); got != want {
			t.Errorf("%q is quoted as %s, not %s", text, got, want)
		}
	}
}
