package hello

import (
	"crypto/tls"
	"testing"
)

// A hello in Initial packets of both versions is read, in one datagram, and in two in any
// order, in frames of any order.
func TestQUIC(t *testing.T) {
	message := clientMessage(t, &tls.Config{ServerName: "quic.example.org", NextProtos: []string{"h3"}})
	half, id := len(message)/2, []byte("12345678")
	for number := range versions {
		a := initial(number, id, 0, append(cryptoFrame(message, half/2, half), cryptoFrame(message, 0, half/2)...))
		b := initial(number, id, 1, append([]byte{framePing, framePadding}, cryptoFrame(message, half, len(message))...))
		for name, order := range map[string][][]byte{"in order": {a, b}, "reversed": {b, a}, "repeated": {a, a, b}, "together": {append(append([]byte{}, a...), b...)}} {
			var q QUIC
			for i, d := range order {
				h, status := q.Datagram(d)
				if last := i == len(order)-1; last != (status == Done) || last != (h.Name == "quic.example.org") || !last && status != More {
					t.Errorf("version %x %s: datagram %d: %+v, %d", number, name, i, h, status)
				}
			}
		}
	}
}

// The server's answer lets the client write to another id, with the same keys; after a Retry
// it begins with new ones.
func TestQUICIDs(t *testing.T) {
	message := clientMessage(t, &tls.Config{ServerName: "quic.example.org", NextProtos: []string{"h3"}})
	const v1 = 1
	half := len(message) / 2
	var q QUIC
	if _, status := q.Datagram(initial(v1, []byte("first-id"), 0, cryptoFrame(message, 0, half))); status != More {
		t.Fatalf("%d", status)
	}
	if _, status := q.Datagram(initial(v1, []byte("of-retry"), 1, cryptoFrame(message, 0, half))); status != More {
		t.Fatalf("%d", status)
	}
	h, status := q.Datagram(initial(v1, []byte("of-retry"), 2, cryptoFrame(message, half, len(message))))
	if status != Done || h.Name != "quic.example.org" {
		t.Errorf("%+v, %d", h, status)
	}
}

// What is no Initial packet of a client is not read.
func TestQUICNot(t *testing.T) {
	good := initial(1, []byte("12345678"), 0, cryptoFrame([]byte{2, 0, 0, 0}, 0, 4))
	for name, b := range map[string][]byte{
		"nothing": {}, "text": []byte("hello hello hello"), "short header": append([]byte{0x40}, good[1:]...), "other version": append(append([]byte{}, good[0], 1, 2, 3, 4), good[5:]...),
		"cut": good[:len(good)-1], "server hello": good,
	} {
		var q QUIC
		if h, status := q.Datagram(b); status != Not {
			t.Errorf("%s: %+v, %d", name, h, status)
		}
	}
	changed := append([]byte{}, good...)
	changed[len(changed)-1] ^= 1
	var q QUIC
	if _, status := q.Datagram(changed); status != Not {
		t.Errorf("a changed packet: %d", status)
	}
}

// The packets of a datagram have one id. So it costs the keys of one, whatever is in it.
func TestQUICOneID(t *testing.T) {
	message := clientMessage(t, &tls.Config{ServerName: "quic.example.org", NextProtos: []string{"h3"}})
	hello := initial(1, []byte("12345678"), 0, cryptoFrame(message, 0, len(message)))
	for what, id := range map[string]string{"another id": "87654321", "keys of which were not found": "12345678"} {
		other := initial(1, []byte(id), 1, []byte{framePing})
		other[len(other)-1] ^= 1
		var q QUIC
		if h, status := q.Datagram(append(other, hello...)); status != Not {
			t.Errorf("%s: %+v, %d", what, h, status)
		}
	}
}
