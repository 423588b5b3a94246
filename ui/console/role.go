package console

import "fmt"

// Role is what the holder of a key may do.
type Role uint8

const (
	// Viewer may look.
	Viewer Role = iota
	// Operator may look and act.
	Operator
)

// String returns the role's name as the keys file spells it.
func (r Role) String() string {
	if r == Operator {
		return "operator"
	}
	return "viewer"
}

func parseRole(s string) (Role, error) {
	switch s {
	case "viewer":
		return Viewer, nil
	case "operator":
		return Operator, nil
	}
	return Viewer, fmt.Errorf("no role is called %q: use viewer or operator", s)
}
