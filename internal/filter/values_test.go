package filter

import (
	"errors"
	"math"
	"testing"
)

func TestPrefixes(t *testing.T) {
	for value, want := range map[string]string{
		"10.0.0.7": "10.0.0.7/32", "2001:db8::7": "2001:db8::7/128", "10.1.2.3/8": "10.0.0.0/8",
		"10.*": "10.0.0.0/8", "10.1.*": "10.1.0.0/16", "10.1.2.*": "10.1.2.0/24", "10.1.*.*": "10.1.0.0/16",
		"10.1": "10.1.0.0/16", "10.1.2": "10.1.2.0/24",
		"2001:*": "2001::/16", "2001:db8:*": "2001:db8::/32", "2001:db8:1:*": "2001:db8:1::/48",
		"*": "", "10": "", "10.1.": "", "10.1.2.3.*": "", "10.300.*": "", "fe80::1%eth0": "", "a.b": "",
	} {
		got, err := readPrefix(value)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("%s is %s, error %v, want %q", value, got, err, want)
		}
	}
}

func TestHostNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "web.example.com": true, "Web-1_x": true, "a9.b": true, "": false, "10": false, "a.10": false,
		"a b": false, "a/b": false, "a:b": false, "[a]": false, "{a}": false, "@a": false, "a~": false, "zZ0.9z": true,
	} {
		if got := isHostName(name); got != want {
			t.Errorf("%q is a name: %t", name, got)
		}
	}
}

func TestCounts(t *testing.T) {
	for value, want := range map[string]float64{
		"0": 0, "500": 500, "10k": 1e4, "1.5M": 1.5e6, "2G": 2e9, "1t": 1e12, "1e3": 1000,
		"": math.NaN(), "k": math.NaN(), "-1": math.NaN(), "1kk": math.NaN(), "0x10": math.NaN(), "1_0": math.NaN(), "inf": math.NaN(), "nan": math.NaN(), "1p": math.NaN(),
	} {
		got, err := readCount(value)
		if math.IsNaN(want) != (err != nil) || err == nil && got != want {
			t.Errorf("%q is %v, error %v, want %v", value, got, err, want)
		}
	}
}

func TestNumbersOfFields(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(string) (float64, error)
		good []string
		bad  []string
	}{
		{"port", readPort, []string{"0", "443", "65535", "https"}, []string{"65536", "-1", "", "nothing"}},
		{"VLAN", readVLAN, []string{"0", "4095"}, []string{"4096", "-1", "x"}},
		{"session", readSession, []string{"0", "65535", "1k"}, []string{"65536", "1.5", "x"}},
	} {
		for _, value := range c.good {
			if _, err := c.read(value); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		for _, value := range c.bad {
			if got, err := c.read(value); err == nil {
				t.Errorf("%s: %q is %v", c.name, value, got)
			}
		}
	}
}

// TestSpans has both sides of every bound.
func TestSpans(t *testing.T) {
	for _, c := range []struct {
		op, value string
		in, out   []float64
	}{
		{":", "5", []float64{5}, []float64{4, 6}},
		{":", "5-7", []float64{5, 6, 7}, []float64{4, 8}},
		{"=", "5", []float64{5}, []float64{4.5}},
		{">", "5", []float64{5.1, 1e300}, []float64{5, 4}},
		{">=", "5", []float64{5, 6}, []float64{4.9}},
		{"<", "5", []float64{4.9, -1e300}, []float64{5, 6}},
		{"<=", "5", []float64{5, 4}, []float64{5.1}},
	} {
		s, err := readRange(c.op, c.value, readCount)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.in {
			if v < s.low || v > s.high {
				t.Errorf("%s%s lacks %v", c.op, c.value, v)
			}
		}
		for _, v := range c.out {
			if v >= s.low && v <= s.high {
				t.Errorf("%s%s has %v", c.op, c.value, v)
			}
		}
	}
	for _, c := range [][2]string{{":", "7-5"}, {">", "5-7"}, {"<", "5-7"}, {":", "x-7"}, {":", "5-x"}} {
		if s, err := readRange(c[0], c[1], readCount); err == nil {
			t.Errorf("%s%s is %v", c[0], c[1], s)
		}
	}
}

func TestSpaces(t *testing.T) {
	for c := range 256 {
		if got, want := isSpace(byte(c)), c == ' ' || c >= 9 && c <= 13; got != want {
			t.Errorf("%q is a space: %t", rune(c), got)
		}
	}
}

// TestAsksForEnded takes what begins a state for that state.
func TestAsksForEnded(t *testing.T) {
	for value, want := range map[string]bool{
		"ended": true, "END": true, "en": true, "e": false, "est": false, "est,end": true, "": false, ",": false, "endedx": false, "time_wait": false,
	} {
		if got := asksForEnded(value); got != want {
			t.Errorf("%q asks for ended flows: %t", value, got)
		}
	}
}

// TestWhereValuesAreWrong has the place of a value that stands apart from its operator.
func TestWhereValuesAreWrong(t *testing.T) {
	for text, want := range map[string]int{"rate>x": 5, "rate> x": 6, "tcp rate>   x": 12, "port:x": 5} {
		_, err := Parse(text)
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.Column != want+1 {
			t.Errorf("%q: %+v, want the mistake at column %d", text, err, want+1)
		}
	}
}
