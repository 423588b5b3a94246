package hello

import (
	"crypto/ecdh"
	"crypto/rand"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// echConfig returns a list of one configuration for Encrypted ClientHello (RFC 9849 section
// 4), whose outer name is public.example.org.
func echConfig(t *testing.T) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(list *cryptobyte.Builder) {
		list.AddUint16(extensionECH)
		list.AddUint16LengthPrefixed(func(c *cryptobyte.Builder) {
			c.AddUint8(7)
			c.AddUint16(0x0020) // X25519, HKDF-SHA256
			c.AddUint16LengthPrefixed(func(c *cryptobyte.Builder) { c.AddBytes(key.PublicKey().Bytes()) })
			c.AddUint16LengthPrefixed(func(c *cryptobyte.Builder) {
				c.AddUint16(1) // HKDF-SHA256
				c.AddUint16(1) // AES-128-GCM
			})
			c.AddUint8(64)
			c.AddUint8LengthPrefixed(func(c *cryptobyte.Builder) { c.AddBytes([]byte("public.example.org")) })
			c.AddUint16(0)
		})
	})
	list, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return list
}
