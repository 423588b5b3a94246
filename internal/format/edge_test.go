package format

import (
	"slices"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// TestEdgesOfNumbers has the values on both sides of every limit.
func TestEdgesOfNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(-1234), "-1234"},
		{Count(1000), "1,000"},
		{Count(100000), "100,000"},
		{Capped(65534), "65,534"},
		{Capped(65535), "65,535+"},
		{Rate(9.94), "9.9"},
		{Rate(9.96), "10"},
		{Rate(999.4), "999"},
		{Rate(999.5), "1.0 k"},
		{Rate(9940), "9.9 k"},
		{Rate(9950), "10 k"},
		{Total(999), "999"},
		{Total(1000), "1.0 k"},
		{Total(999499), "999.5 k"},
		{Total(999500), "1.0 M"},
		{TotalBytes(999), "999 B"},
		{TotalBytes(1000), "1.0 kB"},
		{Unit(1, "pps"), "1 pps"},
		{Unit(10.5, "pps"), "10.5 pps"},
		{Unit(99.94, "pps"), "99.9 pps"},
		{Unit(99.96, "pps"), "100 pps"},
		{Unit(999.5, "pps"), "1 kpps"},
		{Percent(-1, 10), "0 %"},
		{Percent(0, 10), "0 %"},
		{Percent(3, 0), "0 %"},
		{Percent(1, -10), "0 %"},
		{Percent(1, 200), "1 %"},
		{Percent(99, 20000), "<1 %"},
		{Percent(995, 1000), "99 %"},
		{Percent(11, 10), "110 %"},
		{Plural(1, "flow"), "1 flow"},
		{Plural(0, "flow"), "0 flows"},
		{Plural(1284, "flow"), "1,284 flows"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestEdgesOfDurations(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Countdown(59 * time.Second), "0:59"},
		{Countdown(time.Minute), "1:00"},
		{Countdown(time.Hour), "1h00m"},
		{Countdown(10*time.Hour - 1), "9h59m"},
		{Countdown(10 * time.Hour), "10h"},
		{Countdown(day - 1), "23h"},
		{Countdown(day), "1d00h"},
		{Countdown(10*day - 1), "9d23h"},
		{Countdown(10 * day), "10d"},
		{Age(59 * time.Second), "59s"},
		{Age(time.Minute), "1m00s"},
		{Age(10*time.Minute - 1), "9m59s"},
		{Age(10 * time.Minute), "10m"},
		{Age(time.Hour - 1), "59m"},
		{Age(time.Hour), "1h00m"},
		{Age(-time.Hour), "0s"},
		{Words(10*time.Second - time.Millisecond), "10.0 s"},
		{Words(10 * time.Second), "10 seconds"},
		{Words(10*time.Second + time.Millisecond), "10 seconds"},
		{Words(3 * time.Second), "3 seconds"},
		{Words(day + 2*time.Hour + time.Minute + time.Second), "1 day 2 hours 1 minute 1 second"},
		{Lasted(time.Second - time.Millisecond), "999.0 ms"},
		{Short(10*time.Millisecond - time.Microsecond), "10.00 ms"},
		{Short(1234 * time.Microsecond), "1.23 ms"},
		{Short(10 * time.Millisecond), "10.0 ms"},
		{Short(123456 * time.Microsecond), "123.5 ms"},
		{Short(time.Second), "1.0 s"},
		{Short(59 * time.Second), "59.0 s"},
		{Short(time.Minute), "1m00s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestEdgesOfBars(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Bar(0.5, 0), ""},
		{Bar(0.5, -1), ""},
		{Bar(0.5, 1), "▌"},
		{Bar(1.0/16, 1), "▏"},
		{Bar(31.0/32, 1), "█"},
		{Line(1, 1), "━"},
		{Line(0.1, 1), "╸"},
		{Line(0.9, 2), "━━"},
		{Spark([]float64{1, 2}, 0), ""},
		{Spark([]float64{1, 2}, -1), ""},
		{Spark([]float64{1, 2}, 2), "▄█"},
		{Spark([]float64{0, 0}, 5), "▁▁"},
		{Spark([]float64{-5, 7}, 5), "▁█"},
		{Spark([]float64{1, 2, 3, 4, 5, 6, 7}, 7), "▂▃▄▅▆▇█"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTexts(t *testing.T) {
	long := len(blanks) + 1
	for _, c := range []struct{ got, want string }{
		{Blank(-1), ""},
		{Blank(0), ""},
		{Blank(1), " "},
		{Blank(long), blanks + " "},
		{Left("abc", 5), "abc  "},
		{Left("abcdef", 5), "abcd…"},
		{Left("→", 2), "→ "},
		{Right("abc", 5), "  abc"},
		{Right("abcdef", 5), "abcd…"},
		{Cut("abc", 0), ""},
		{Cut("abc", 1), "…"},
		{Cut("abc", 3), "abc"},
		{Cut("\x1b[1mabc\x1b[m", 3), "\x1b[1mabc\x1b[m"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	for s, want := range map[string]int{"": 0, "~ ~": 3, "→": 1, "日本": 4, "\x7f": 0, "\x1b[1ma": 1} {
		if got := Width(s); got != want {
			t.Errorf("%q is %d wide, want %d", s, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	got := Columns([][]string{{"a", "bb"}, {"c"}, {"d", "e", "f"}}, 4)
	if want := []string{"a   c   d", "bb      e", "        f"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Columns(nil, 4); got != nil {
		t.Errorf("%q of nothing", got)
	}
}

func TestRateUnits(t *testing.T) {
	h := flow.Half{PPS: 3, BPS: 80}
	for _, c := range []struct {
		unit        RateUnit
		text, short string
		of          float64
		next        RateUnit
	}{
		{Bits, "bits", "b/s", 80, Bytes},
		{Bytes, "bytes", "B/s", 10, Packets},
		{Packets, "packets", "pps", 3, Bits},
	} {
		if c.unit.String() != c.text || c.unit.Short() != c.short || c.unit.Of(h) != c.of ||
			c.unit.Next() != c.next || c.unit.IsPackets() != (c.unit == Packets) {
			t.Errorf("%s %s, %v of %+v, then %s", c.unit, c.unit.Short(), c.unit.Of(h), h, c.unit.Next())
		}
	}
}

// Milliseconds are rounded to the nearest microsecond, below zero as above.
func TestRoundedMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		499: "0", 500: "0.001", -499: "-0", -500: "-0.001", -1499: "-0.001", -1500: "-0.002", 999_499: "0.999", 999_500: "1",
	} {
		if got := string(AppendMillis(nil, d)); got != want {
			t.Errorf("%d ns are %s ms, not %s", d, got, want)
		}
	}
}
