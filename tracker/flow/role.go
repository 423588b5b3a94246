package flow

import "fmt"

// Role is what a tracker does at an interface.
type Role uint8

// The roles, a closed set.
const (
	// RoleWire takes every packet and sends it out of another interface.
	RoleWire Role = iota
	// RoleWatch sees packets in both directions and lets them go on.
	RoleWatch
	numRoles
)

var roleNames = [numRoles]string{RoleWire: "wire", RoleWatch: "watch"}

// String returns the role's name.
func (r Role) String() string {
	if r < numRoles {
		return roleNames[r]
	}
	return fmt.Sprintf("role_%d", uint8(r))
}
