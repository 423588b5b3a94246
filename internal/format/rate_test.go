package format

import (
	"math"
	"strconv"
	"testing"
)

// A rate is written as strconv does it, whatever its size, and never as what is no number
// in JSON.
func TestRateOfAnySize(t *testing.T) {
	for _, v := range []float64{0.25, 0.5, 0.94, 1, 1.1, 2.5, 9.9, 99.95, 1234.5, 65535.7, exactTenths - 0.5, exactTenths, 4e20, -0.5, -1, -7.3} {
		if got, want := string(AppendRate(nil, v)), strconv.FormatFloat(v, 'f', 1, 64); got != want {
			t.Errorf("%g is %s, not %s", v, got, want)
		}
	}
	for _, v := range []float64{0, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := string(AppendRate([]byte("x"), v)); got != "x0.0" {
			t.Errorf("%g is %s", v, got)
		}
	}
}

// A share of one is not none, and all of one is all.
func TestPercentOfOne(t *testing.T) {
	for _, c := range []struct {
		part, whole int
		want        string
	}{{1, 1, "100 %"}, {1, 2, "50 %"}, {1, 1000, "<1 %"}, {0, 1, "0 %"}, {1, 0, "0 %"}} {
		if got := Percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is %s, not %s", c.part, c.whole, got, c.want)
		}
	}
}
