package jsontext

import (
	"encoding/json"
	"math"
	"strconv"
)

// String reads a string. Its bytes are valid as long as the text.
func (r *Reader) String() []byte {
	if !r.take('"') {
		r.fail(errNoString)
		return nil
	}
	rest := r.text[r.at:]
	end := plain(rest)
	switch {
	case end == len(rest):
		r.fail(errSyntax)
		return nil
	case rest[end] != '"':
		return r.unusual()
	}
	r.at += end + 1
	return rest[:end]
}

// plain returns how many bytes of a string are as they are written.
func plain(text []byte) int {
	for i, c := range text {
		if special[c] {
			return i
		}
	}
	return len(text)
}

// special are the bytes that end a string, or are not as they are written.
var special = func() (is [256]bool) {
	for c := range is {
		is[c] = c == '"' || c == '\\' || c < ' ' || c >= 0x80
	}
	return is
}()

// unusual reads the rest of a string that is not as it is written.
func (r *Reader) unusual() []byte {
	begin, end := r.at-1, r.at
	for ; end < len(r.text) && r.text[end] != '"'; end++ {
		if r.text[end] == '\\' {
			end++
		}
	}
	var text string
	if end >= len(r.text) || json.Unmarshal(r.text[begin:end+1], &text) != nil {
		r.fail(errSyntax)
		return nil
	}
	r.at = end + 1
	return []byte(text)
}

// Uint reads a whole number that is not greater than most.
func (r *Reader) Uint(most uint64) uint64 {
	r.peek()
	n, ok := r.digits()
	if !ok || n > most || r.inNumber() {
		r.fail(errNoCount)
		return 0
	}
	return n
}

// Int reads a whole number with a sign.
func (r *Reader) Int() int64 {
	if r.peek() != '-' {
		return int64(r.Uint(math.MaxInt64))
	}
	r.at++
	n, ok := r.digits()
	if !ok || n > -math.MinInt64 || r.inNumber() {
		r.fail(errNoCount)
		return 0
	}
	return -int64(n)
}

// digits reads digits, without leading zeros. They are no number if it is out of range.
func (r *Reader) digits() (n uint64, ok bool) {
	begin := r.at
	for ; r.at < len(r.text); r.at++ {
		digit := uint64(r.text[r.at] - '0')
		if digit > 9 {
			break
		}
		if n > (math.MaxUint64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, r.at == begin+1 || r.at > begin && r.text[begin] != '0'
}

// inNumber reports whether a number goes on behind its digits.
func (r *Reader) inNumber() bool {
	if r.at == len(r.text) {
		return false
	}
	switch r.text[r.at] {
	case '.', 'e', 'E':
		return true
	}
	return false
}

// The numbers that a float64 holds exactly: whole ones up to exact, and powers of ten.
const exact = 1 << 53

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Float reads a number.
func (r *Reader) Float() float64 {
	r.peek()
	text, n, places := r.number()
	switch {
	case text == nil:
		return 0
	case n <= exact && places >= 0 && places < len(powers):
		// The quotient of two exact numbers is the nearest to the true one.
		return float64(n) / powers[places]
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		r.fail(errNoNumber)
		return 0
	}
	return f
}

// number reads a number of any form. If it has neither a sign nor an exponent, and is not
// too long, it is n with the point so many places from its end; else places is negative.
func (r *Reader) number() (text []byte, n uint64, places int) {
	begin := r.at
	simple := !r.take('-')
	whole := r.at
	n, simple = r.run(0, simple)
	if r.at == whole || r.at > whole+1 && r.text[whole] == '0' {
		r.fail(errNoNumber)
		return nil, 0, 0
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		point := r.at
		if n, simple = r.run(n, simple); r.at == point {
			r.fail(errNoNumber)
			return nil, 0, 0
		}
		places = r.at - point
	}
	if r.at < len(r.text) && r.text[r.at]|0x20 == 'e' {
		if simple = false; !r.exponent() {
			r.fail(errNoNumber)
			return nil, 0, 0
		}
	}
	if !simple {
		places = -1
	}
	return r.text[begin:r.at], n, places
}

// run reads digits behind those of n, as long as they are not too many.
func (r *Reader) run(n uint64, simple bool) (uint64, bool) {
	for ; r.at < len(r.text); r.at++ {
		digit := uint64(r.text[r.at] - '0')
		if digit > 9 {
			break
		}
		if simple = simple && n <= exact; simple {
			n = n*10 + digit
		}
	}
	return n, simple
}

// exponent reads an exponent, and reports whether it is one.
func (r *Reader) exponent() bool {
	r.at++
	if r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
		r.at++
	}
	begin := r.at
	r.run(0, false)
	return r.at > begin
}
