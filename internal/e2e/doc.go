// Package e2e holds the end-to-end tests: real sockets in the lab talk through a
// tracker that stands between them, and what the tracker says is held against
// what the endpoints, or a capture, say.
package e2e
