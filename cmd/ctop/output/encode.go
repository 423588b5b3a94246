package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"ctop/internal/format"
)

// timeLayout is RFC 3339 with all nine digits, so that times sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, timeLayout)
}

// appendQuoted appends text from outside as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	if needsEscape(s) {
		return append(b, quote(s)...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// needsEscape reports whether a text has something that [quote] would not leave as
// it is.
func needsEscape(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return true
		}
	}
	return false
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
	return format.AppendSeconds(nil, time.Duration(s)), nil
}
