// Package console serves ctop's console over SSH. Every session has a [ui.New] of its
// own, and all of them read one source.
//
// It fails closed. It does not start without an authorised key, accepts nothing but
// public keys that the client has proven to hold, and offers nothing but the console
// and the commands that the caller allows: no shell, no forwarding, no subsystem, no
// environment. What an operator may do depends on the proven key alone, not on the
// user name or anything else that the client says.
//
// A session costs one view. It reads the source again once the client has taken the
// last frame. A client that stops reading delays nobody else, and is cut off after a
// while.
package console
