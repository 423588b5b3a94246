package console

import "fmt"

// Role is what a key permits.
type Role uint8

const (
	// Viewer may read.
	Viewer Role = iota
	// Operator may read and act.
	Operator
)

// String returns the role's name as in the keys file.
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
