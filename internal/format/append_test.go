package format

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestAppendSeconds(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0"},
		{time.Second, "1"},
		{4200 * time.Millisecond, "4.2"},
		{time.Microsecond, "0.000001"},
		{400 * time.Nanosecond, "0"},
		{999_999_600 * time.Nanosecond, "1"},
		{431999*time.Second + 990*time.Millisecond, "431999.99"},
		{-1500 * time.Millisecond, "-1.5"},
		{10 * 365 * 24 * time.Hour, "315360000"},
	} {
		if got := string(AppendSeconds(nil, tt.d)); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.d, got, tt.want)
		}
	}
}

func FuzzAppendSeconds(f *testing.F) {
	f.Add(int64(4_200_000_000))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		if d == math.MinInt64 {
			t.Skip("has no absolute value")
		}
		got, err := strconv.ParseFloat(string(AppendSeconds(nil, d)), 64)
		if err != nil {
			t.Fatal(err)
		}
		if want := d.Seconds(); math.Abs(got-want) > 1e-6+math.Abs(want)*1e-12 {
			t.Errorf("%s is %v", d, got)
		}
	})
}

func TestAppendRate(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		want string
	}{
		{0, "0.0"},
		{144000, "144000.0"},
		{1e21, "1000000000000000000000.0"},
		{0.04, "0.0"},
		{910000000000000.125, "910000000000000.1"}, // ten times that is no float64
		{math.NaN(), "0.0"},
		{math.Inf(1), "0.0"},
	} {
		if got := string(AppendRate(nil, tt.v)); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.v, got, tt.want)
		}
	}
}

// What is written is within half a tenth of the rate, and ties are strconv's.
func FuzzAppendRate(f *testing.F) {
	for _, v := range []float64{0, 0.25, 0.35, 12.05, 99.95, 1e12 / 3, exactTenths, 1e300, -3} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		text := string(AppendRate(nil, v))
		got, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(got-v) > 0.05+math.Abs(v)*1e-15 {
			t.Errorf("%v is %s", v, text)
		}
		if v*4 == math.Trunc(v*4) && v < exactTenths && text != strconv.FormatFloat(v, 'f', 1, 64) {
			t.Errorf("%v is %s", v, text)
		}
	})
}
