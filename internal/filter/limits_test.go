package filter

import (
	"strings"
	"testing"
)

// A filter that nests more deeply than anybody writes is refused, before the stack ends.
func TestDeepest(t *testing.T) {
	for name, nest := range map[string]func(n int) string{
		"not":              func(n int) string { return strings.Repeat("not ", n-1) + "tcp" },
		"parentheses":      func(n int) string { return strings.Repeat("(", n-1) + "tcp" + strings.Repeat(")", n-1) },
		"values":           func(n int) string { return "port " + strings.Repeat("(", n-2) + "80" + strings.Repeat(")", n-2) },
		"values not taken": func(n int) string { return "port " + strings.Repeat("not ", n-2) + "80" },
	} {
		if _, err := Parse(nest(deepest)); err != nil {
			t.Errorf("%s, as deep as may be: %v", name, err)
		}
		if _, err := Parse(nest(deepest + 1)); err == nil || !strings.Contains(err.Error(), "too many things inside each other") {
			t.Errorf("%s, too deep: %v", name, err)
		}
	}
	// What stands beside each other is not deep.
	if _, err := Parse("tcp" + strings.Repeat(" and not port (80)", deepest)); err != nil {
		t.Error(err)
	}
}
