package docs_test

import (
	"os"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// TestReasonsAreListed looks in the lists of architecture.md for every reason that the
// outputs name.
func TestReasonsAreListed(t *testing.T) {
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	invalid := section(t, string(text), "What makes a TCP segment invalid")
	for _, reason := range flow.InvalidReasons() {
		if !strings.Contains(invalid, "\n| `"+reason.String()+"` |") {
			t.Errorf("no rule for invalid packets is %s", reason)
		}
	}
	untracked := section(t, string(text), "What is untracked, and why")
	for _, reason := range flow.UntrackedReasons() {
		if !strings.Contains(untracked, "\n| `"+reason.String()+"` |") {
			t.Errorf("no reason for untracked packets is %s", reason)
		}
	}
	transitions := section(t, string(text), "Transitions")
	for _, reason := range flow.Reasons() {
		if !strings.Contains(transitions, "ended (`"+reason.String()+"`)") {
			t.Errorf("no transition ends with %s", reason)
		}
	}
}

// section returns the text below a heading, up to the next one.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("no section %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}
