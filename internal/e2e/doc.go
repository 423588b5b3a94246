// Package e2e has the end-to-end tests. Real sockets in the lab talk through a
// tracker between them. The tests compare the tracker's output with the
// endpoints or a capture.
package e2e
