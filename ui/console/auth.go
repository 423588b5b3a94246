package console

import (
	"errors"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// errTooManyKeys is why a key is not looked at any more.
var errTooManyKeys = errors.New("too many keys were tried")

// config lets public keys authenticate, and nothing else. There are no
// callbacks for passwords, keyboard-interactive or GSSAPI, hence no such methods.
func (s *Server) config(ctx ssh.Context) *gossh.ServerConfig {
	c, ok := ctx.Value(clientKey{}).(*client)
	if !ok {
		// A connection that did not come through the gate gets nowhere.
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

// keyExchanges leaves out those with SHA-1 (RFC 9142 section 3).
func keyExchanges() []string {
	return []string{
		gossh.KeyExchangeMLKEM768X25519, gossh.KeyExchangeCurve25519,
		gossh.KeyExchangeECDHP256, gossh.KeyExchangeECDHP384, gossh.KeyExchangeECDHP521,
		gossh.KeyExchangeDH16SHA512, gossh.KeyExchangeDH14SHA256,
	}
}

// macs leaves out those with SHA-1.
func macs() []string {
	return []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM, gossh.HMACSHA256, gossh.HMACSHA512}
}

// signatureAlgorithms leaves out certificates, which no line of a keys file
// stands for, and SHA-1.
func signatureAlgorithms() []string {
	return []string{
		gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256,
		gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521,
		gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256,
	}
}

// offered answers whether it would be any use to prove a key. It runs for keys
// that the client may not hold and must remember nothing: what it returns
// belongs to this key alone; that the connection gets a better place is worth nothing
// once it is in.
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

// verified runs once the client has proven that it holds the key. The keys file
// may have changed meanwhile.
func (c *client) verified(_ gossh.ConnMetadata, public gossh.PublicKey, _ *gossh.Permissions, _ string) (*gossh.Permissions, error) {
	key, err := c.server.options.Keys.find(public, c.addr, c.server.clock())
	if err != nil {
		return nil, err
	}
	c.authenticated()
	return &gossh.Permissions{ExtraData: map[any]any{proven{}: key}}, nil
}
