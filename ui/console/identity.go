package console

import (
	"net/netip"

	"golang.org/x/crypto/ssh"

	"ctop/tracker/flow"
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

// requester returns who asks for an act of theirs.
func (i identity) requester() flow.Requester {
	return flow.Requester{
		Role: i.key.Role.String(), Fingerprint: i.key.Fingerprint, Name: i.key.Comment, Address: i.addr.String(),
	}
}

// logged returns what every line of the log says about somebody.
func (i identity) logged() []any {
	return []any{
		"role", i.key.Role.String(), "fingerprint", i.key.Fingerprint,
		"comment", i.key.Comment, "address", i.addr.String(),
	}
}
