package lab

import "errors"

var (
	// ErrPrivilege means that this process may not create namespaces. Run it as
	// root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN.
	ErrPrivilege = errors.New("not permitted to make network and mount namespaces")

	// ErrNotIsolated means that New was called in a process that did not call
	// Isolate or Main, where it would change the host's network.
	ErrNotIsolated = errors.New("not in an isolated process")

	// ErrClosed means that the lab was closed.
	ErrClosed = errors.New("lab is closed")
)
