package console

import (
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"
)

// identity is who is at the other end, as far as was proven.
type identity struct {
	key  *Key
	addr netip.Addr
}

// proven is where a connection's permissions hold the key.
type proven struct{}

// identify returns who authenticated a connection. Permissions are the ones of
// the key whose signature was verified; what was offered before that, and the
// user name, left no trace in them.
func identify(conn *ssh.ServerConn, addr netip.Addr) (identity, bool) {
	if conn.Permissions == nil {
		return identity{}, false
	}
	key, ok := conn.Permissions.ExtraData[proven{}].(*Key)
	return identity{key: key, addr: addr}, ok && key != nil
}

// sign says in an act whose it is.
func (i identity) sign(a *Act, now time.Time) {
	a.Time = now
	a.Role, a.Fingerprint, a.Comment = i.key.Role.String(), i.key.Fingerprint, i.key.Comment
	a.Address = i.addr.String()
}

// logged returns what every line of the log says about somebody.
func (i identity) logged() []any {
	return []any{
		"role", i.key.Role.String(), "fingerprint", i.key.Fingerprint,
		"comment", i.key.Comment, "address", i.addr.String(),
	}
}
