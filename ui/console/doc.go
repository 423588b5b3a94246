// Package console serves ctop's console over SSH: the same [ui.New] for every
// session, all of them from one source.
//
// It fails closed. There is no service without an authorised key, no way in but
// a public key that the client has proven to hold, and nothing to reach but the
// console and the headless commands that the caller allows: no shell, no
// forwarding, no subsystem, no environment. What an operator may do follows
// from the proven key and from nothing that the client says, the user name
// included.
//
// A session costs a view. Sessions look at the source whenever their clients
// take what was drawn before; one that takes nothing delays nobody and is cut
// off after a while.
package console
