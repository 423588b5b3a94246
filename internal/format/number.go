package format

import (
	"math"
	"strconv"
)

// Unseen is shown for a direction that has never carried a packet, which
// differs from zero.
const Unseen = "·"

// Inapplicable is shown for a value that a flow cannot have, such as the round trip of
// UDP.
const Inapplicable = "–"

var prefixes = [...]string{"", "k", "M", "G", "T", "P", "E"}

// Count returns n with thousands separators, as in "65,536".
func Count(n int) string {
	digits := strconv.Itoa(n)
	head := len(digits) % 3
	if n < 0 || len(digits) <= 3 {
		return digits
	}
	out := digits[:head]
	for i := head; i < len(digits); i += 3 {
		if out != "" {
			out += ","
		}
		out += digits[i : i+3]
	}
	return out
}

// Capped returns a counter that saturates at 65,535, as in "65,535+" once it
// has.
func Capped(n uint16) string {
	if n == math.MaxUint16 {
		return Count(int(n)) + "+"
	}
	return Count(int(n))
}

// Rate returns a quantity per second in at most five cells, as in "1.2 k".
func Rate(v float64) string {
	mantissa, prefix := scale(v)
	if prefix != "" && mantissa < 9.95 {
		return strconv.FormatFloat(mantissa, 'f', 1, 64) + " " + prefix
	}
	return join(digits(mantissa, 10), prefix)
}

// Total returns a sum in at most seven cells, as in "96.0 M".
func Total(n uint64) string {
	mantissa, prefix := scale(float64(n))
	if prefix == "" {
		return strconv.FormatUint(n, 10)
	}
	return strconv.FormatFloat(mantissa, 'f', 1, 64) + " " + prefix
}

// TotalBytes returns a sum of bytes with its unit, as in "96.0 MB".
func TotalBytes(n uint64) string {
	text := Total(n)
	if n < 1000 {
		text += " "
	}
	return text + "B"
}

// Signed returns a difference with its sign, and its size as text returns it.
func Signed(n int64, text func(uint64) string) string {
	switch {
	case n < 0:
		return "-" + text(uint64(-n))
	case n > 0:
		return "+" + text(uint64(n))
	}
	return "0"
}

// Unit returns a quantity with its unit, as in "48.1 kpps".
func Unit(v float64, unit string) string {
	mantissa, prefix := scale(v)
	return digits(mantissa, 100) + " " + prefix + unit
}

// Percent returns part of whole in percent, as in "2 %". It returns 100 only if
// nothing is left, and 0 only for zero.
func Percent(part, whole int) string {
	if whole <= 0 || part <= 0 {
		return "0 %"
	}
	p := int(math.Round(100 * float64(part) / float64(whole)))
	switch {
	case p == 0:
		return "<1 %"
	case p >= 100 && part < whole:
		p = 99
	}
	return strconv.Itoa(p) + " %"
}

// scale scales v below one thousand. A value that rounds up to a thousand gets
// the next prefix, so that no column grows by a digit.
func scale(v float64) (mantissa float64, prefix string) {
	i := 0
	for v >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	return v, prefixes[i]
}

// digits shows one decimal below a limit, unless the decimal is zero.
func digits(v, limit float64) string {
	if v < limit && v < 99.95 && math.Round(v*10) != 10*math.Round(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
}

func join(number, prefix string) string {
	if prefix == "" {
		return number
	}
	return number + " " + prefix
}
