package ui

import "testing"

// TestRoleHeaders names each role in the header of every size that has room.
func TestRoleHeaders(t *testing.T) {
	for _, role := range everyRole {
		for _, size := range sizes[1:] {
			newConsole(t, size[0], size[1], flowsUpTo(20), WithRole(role)).shows("veth2  " + role)
		}
	}
}
