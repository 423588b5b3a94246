// Package socket reads and ends the TCP sockets of this network namespace through the
// kernel's socket diagnostics (INET_DIAG, sock_diag(7)), as ss(8) does. It asks for one
// socket by its tuple, never for all.
package socket
