package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// timeLayout is RFC 3339 with all nine digits, so that times sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, timeLayout)
}

// appendSeconds writes a duration as a number of seconds, to the microsecond,
// never with an exponent.
func appendSeconds(b []byte, d time.Duration) []byte {
	return appendFraction(b, int64(d.Round(time.Microsecond)/time.Microsecond), 1_000_000)
}

// appendMillis writes a duration as a number of milliseconds, to the
// microsecond.
func appendMillis(b []byte, d time.Duration) []byte {
	return appendFraction(b, int64(d.Round(time.Microsecond)/time.Microsecond), 1_000)
}

// appendFraction writes n divided by a power of ten, with as many decimals as it
// takes.
func appendFraction(b []byte, n, by int64) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/by, 10)
	rest := n % by
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for unit := by / 10; rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// exactTenths is up to where a tenth of a number can be told from the next.
const exactTenths = 1 << 49

// appendRate writes a quantity per second with one decimal. What is no number
// is none to JSON either, and counts as nothing.
func appendRate(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(b, "0.0"...)
	case v < 0 || v >= exactTenths:
		return strconv.AppendFloat(b, v, 'f', 1, 64)
	}
	// strconv takes three times as long, and a flow has four rates.
	tenths := uint64(math.RoundToEven(v * 10))
	b = strconv.AppendUint(b, tenths/10, 10)
	return append(b, '.', byte('0'+tenths%10))
}

// appendAddr writes an address in quotes. None of its characters needs escaping.
func appendAddr(b []byte, a netip.Addr) []byte {
	b = append(b, '"')
	b = a.Unmap().AppendTo(b)
	return append(b, '"')
}

func appendUint[T ~uint8 | ~uint16 | ~uint64](b []byte, n T) []byte {
	return strconv.AppendUint(b, uint64(n), 10)
}

// appendHex writes a flow's id as sixteen digits.
func appendHex(b []byte, id uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[id>>shift&0xf])
	}
	return b
}

// quote returns text from outside (a host's or an interface's name) as a JSON
// string.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // no string makes Marshal fail
		return `""`
	}
	return string(escapeControls(text))
}

// escapeControls escapes DEL and the control characters of C1 (U+0080 to U+009F)
// in JSON, which allows them in strings: a terminal takes U+009B for the beginning
// of an escape sequence (ECMA-48 5.3).
func escapeControls(text []byte) []byte {
	if !bytes.ContainsFunc(text, isControl) {
		return text
	}
	var b []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if isControl(r) {
			b = fmt.Appendf(b, `\u%04x`, r)
		} else {
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}

func isControl(r rune) bool { return r >= 0x7f && r < 0xa0 }

// seconds is a duration in the parts of a document that are marshalled.
type seconds time.Duration

// MarshalJSON writes the duration as a number of seconds.
func (s seconds) MarshalJSON() ([]byte, error) {
	return appendSeconds(nil, time.Duration(s)), nil
}
