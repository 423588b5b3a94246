package console

import (
	"net/netip"

	"golang.org/x/crypto/ssh"

	"ctop/tracker/flow"
)

// identity is the proven key of a client and its address.
type identity struct {
	key  *Key
	addr netip.Addr
}

// proven is the key of the proven key in a connection's permissions.
type proven struct{}

// identify returns who authenticated a connection. The permissions are those of the
// key whose signature was verified. Keys that were only offered, and the user name,
// leave no trace in them.
func identify(conn *ssh.ServerConn, addr netip.Addr) (identity, bool) {
	if conn.Permissions == nil {
		return identity{}, false
	}
	key, ok := conn.Permissions.ExtraData[proven{}].(*Key)
	return identity{key: key, addr: addr}, ok && key != nil
}

// requester returns the identity as an act has it.
func (i identity) requester() flow.Requester {
	return flow.Requester{
		Role: i.key.Role.String(), Fingerprint: i.key.Fingerprint, Name: i.key.Comment, Address: i.addr.String(),
	}
}

// logged returns the attributes of the identity for the log.
func (i identity) logged() []any {
	return []any{
		"role", i.key.Role.String(), "fingerprint", i.key.Fingerprint,
		"comment", i.key.Comment, "address", i.addr.String(),
	}
}
