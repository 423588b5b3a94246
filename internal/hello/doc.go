// Package hello reads names from the first bytes of flows: the server's name from the
// ClientHello of TLS, in TCP and in QUIC, and names of addresses from answers of DNS.
//
// It keeps nothing but names. Everything that waits for more bytes is bounded, and what is
// not certain has no name.
package hello

import "strings"

// Status says how far a hello has come.
type Status uint8

const (
	// More means that bytes are missing.
	More Status = iota
	// Done means that the hello is complete.
	Done
	// Not means that it is no hello, or that it cannot be read.
	Not
)

// Hello is what a ClientHello says.
type Hello struct {
	// Name is the name of the server, empty if it has none.
	Name string
	// Encrypted is set if Encrypted ClientHello is offered: then the name may be an outer
	// one, of whoever hides the server (RFC 9849).
	Encrypted bool
}

// The longest name and the longest part of one (RFC 1035 section 2.3.4).
const (
	longestName  = 253
	longestLabel = 63
)

// hostName returns a name in lower case without the dot at the end, or nothing if it is not
// the name of a host. An address is none.
func hostName(b []byte) string {
	if n := len(b); n > 0 && b[n-1] == '.' {
		b = b[:n-1]
	}
	if len(b) == 0 || len(b) > longestName {
		return ""
	}
	label, digits := 0, true
	for _, c := range b {
		switch {
		case c == '.':
			if label == 0 {
				return ""
			}
			label, digits = 0, true
			continue
		case '0' <= c && c <= '9':
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '-', c == '_':
			digits = false
		default:
			return ""
		}
		if label++; label > longestLabel {
			return ""
		}
	}
	if label == 0 || digits {
		return ""
	}
	return strings.ToLower(string(b))
}
