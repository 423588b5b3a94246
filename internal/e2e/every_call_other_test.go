//go:build !amd64

package e2e

// oldCalls are calls with effects on others that this kind of machine never had.
func oldCalls() []uint64 { return nil }
