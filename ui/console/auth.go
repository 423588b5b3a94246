package console

import (
	"errors"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// errTooManyKeys is the answer to further keys.
var errTooManyKeys = errors.New("too many keys were tried")

// config accepts public keys only. It has no callbacks for passwords,
// keyboard-interactive or GSSAPI, so the server offers none of these methods.
func (s *Server) config(ctx ssh.Context) *gossh.ServerConfig {
	c, ok := ctx.Value(clientKey{}).(*client)
	if !ok {
		// A connection that did not pass the gate cannot authenticate.
		c = &client{server: s}
	}
	return &gossh.ServerConfig{
		Config: gossh.Config{KeyExchanges: keyExchanges(), MACs: macs()},

		MaxAuthTries:              s.options.Limits.AuthTries,
		PublicKeyAuthAlgorithms:   signatureAlgorithms(),
		PublicKeyCallback:         c.offered,
		VerifiedPublicKeyCallback: c.verified,
	}
}

// keyExchanges returns the key exchanges without SHA-1 (RFC 9142 section 3).
func keyExchanges() []string {
	return []string{
		gossh.KeyExchangeMLKEM768X25519, gossh.KeyExchangeCurve25519,
		gossh.KeyExchangeECDHP256, gossh.KeyExchangeECDHP384, gossh.KeyExchangeECDHP521,
		gossh.KeyExchangeDH16SHA512, gossh.KeyExchangeDH14SHA256,
	}
}

// macs returns the MACs without SHA-1.
func macs() []string {
	return []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM, gossh.HMACSHA256, gossh.HMACSHA512}
}

// signatureAlgorithms returns the algorithms without SHA-1 and without certificates,
// which a keys file cannot contain.
func signatureAlgorithms() []string {
	return []string{
		gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256,
		gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521,
		gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256,
	}
}

// offered reports whether proving a key would let the client in. The client may not
// hold the key, so offered remembers nothing but that the connection deserves a
// better place at the gate: that place is worthless after the login.
func (c *client) offered(_ gossh.ConnMetadata, public gossh.PublicKey) (*gossh.Permissions, error) {
	if c.rejected >= c.server.options.Limits.AuthTries {
		return nil, errTooManyKeys // the library allows twice as many
	}
	key, err := c.server.options.Keys.find(public, c.addr, c.server.clock())
	if err != nil {
		c.rejected++
		return nil, err
	}
	c.came.Store(int32(promising))
	return &gossh.Permissions{ExtraData: map[any]any{proven{}: key}}, nil
}

// verified runs after the client has proven that it holds the key. It checks the keys
// file again, which may have changed.
func (c *client) verified(_ gossh.ConnMetadata, public gossh.PublicKey, _ *gossh.Permissions, _ string) (*gossh.Permissions, error) {
	key, err := c.server.options.Keys.find(public, c.addr, c.server.clock())
	if err != nil {
		return nil, err
	}
	c.authenticated()
	return &gossh.Permissions{ExtraData: map[any]any{proven{}: key}}, nil
}
