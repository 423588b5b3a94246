package flow

import "fmt"

// Role is the role of the tracker at an interface.
type Role uint8

// Role has no other values.
const (
	// RoleWire takes every packet and sends it through another interface.
	RoleWire Role = iota
	// RoleWatch sees packets in both directions and passes them on.
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
