package lab

import "errors"

var (
	// ErrPrivilege says that this process may not make namespaces; run it as
	// root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN.
	ErrPrivilege = errors.New("not permitted to make network and mount namespaces")

	// ErrNotIsolated says that New was called in a process that did not go
	// through Isolate or Main, where it would change the host's network.
	ErrNotIsolated = errors.New("not in an isolated process")

	// ErrClosed says that the lab is gone.
	ErrClosed = errors.New("lab is closed")
)
