package format

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// The functions below append numbers to a line of JSON or CSV. They allocate
// nothing, because a dump of a million flows calls them thirty million times.

// Digits are written where they stay: copying them from a buffer on the stack, as
// strconv does, waits for the bytes just stored.

// AppendUint appends a number.
func AppendUint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](b []byte, n T) []byte {
	if n < 10 { // most counters of most flows
		return append(b, '0'+byte(n))
	}
	return appendDigits(b, uint64(n))
}

// pairs has the two digits of every number below a hundred.
const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839" +
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

func appendDigits(b []byte, n uint64) []byte {
	end := len(b) + countDigits(n)
	b = slices.Grow(b, maxDigits)[:end]
	for n >= 100 {
		pair := 2 * (n % 100)
		n /= 100
		end -= 2
		b[end], b[end+1] = pairs[pair], pairs[pair+1]
	}
	if n >= 10 {
		b[end-2], b[end-1] = pairs[2*n], pairs[2*n+1]
	} else {
		b[end-1] = '0' + byte(n)
	}
	return b
}

// maxDigits is the number of digits of the largest uint64.
const maxDigits = 20

func countDigits(n uint64) int {
	count := 1
	for n >= 10_000 {
		n /= 10_000
		count += 4
	}
	switch {
	case n >= 1000:
		return count + 3
	case n >= 100:
		return count + 2
	case n >= 10:
		return count + 1
	}
	return count
}

// AppendHex appends sixteen hexadecimal digits.
func AppendHex(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	begin := len(b)
	b = append(b, digits...)
	for i := len(b) - 1; i >= begin; i-- {
		b[i] = digits[n&0xf]
		n >>= 4
	}
	return b
}

// AppendSeconds appends a duration in seconds, rounded to the microsecond and
// without an exponent.
func AppendSeconds(b []byte, d time.Duration) []byte {
	b, us := microseconds(b, d)
	return appendFraction(AppendUint(b, us/1_000_000), us%1_000_000)
}

// AppendMillis appends a duration in milliseconds, rounded to the microsecond.
func AppendMillis(b []byte, d time.Duration) []byte {
	b, us := microseconds(b, d)
	return appendFraction(AppendUint(b, us/1000), us%1000*1000)
}

// microseconds appends the sign of a duration, and returns it in microseconds. Half
// a microsecond is rounded up, as [time.Duration.Round] does.
func microseconds(b []byte, d time.Duration) (signed []byte, us uint64) {
	us = (uint64(d) + 500) / 1000
	if d < 0 {
		b, us = append(b, '-'), (-uint64(d)+500)/1000
	}
	return b, us
}

// appendFraction appends a number of millionths as decimals, without zeros at the end.
func appendFraction(b []byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = append(b, ".000000"...)
	end := len(b)
	for i := end - 6; i < end; i += 2 {
		pair := 2 * (n / 10_000)
		b[i], b[i+1] = pairs[pair], pairs[pair+1]
		n = n % 10_000 * 100
	}
	for b[end-1] == '0' {
		end--
	}
	return b[:end]
}

// exactTenths is the limit below which a float64 holds every tenth.
const exactTenths = 1 << 49

// AppendRate appends a quantity per second with one decimal. JSON has no infinity
// and no NaN: both are written as 0.0.
func AppendRate(b []byte, v float64) []byte {
	switch {
	case v == 0: // most flows are silent
		return append(b, "0.0"...)
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(b, "0.0"...)
	case v < 0 || v >= exactTenths:
		return strconv.AppendFloat(b, v, 'f', 1, 64)
	}
	// strconv.AppendFloat takes three times as long, and a flow has four rates.
	tenths := uint64(math.RoundToEven(v * 10))
	b = AppendUint(b, tenths/10)
	return append(b, '.', byte('0'+tenths%10))
}
