package judge

import (
	"os"
	"strings"
	"testing"

	"ctop/internal/script"
)

// scenarios reads testdata, and the file in CTOP_JUDGE_REPLAY.
func scenarios(t *testing.T) []script.File {
	t.Helper()
	all, err := script.Read("testdata/*.seq")
	if err != nil {
		t.Fatal(err)
	}
	if replay := os.Getenv("CTOP_JUDGE_REPLAY"); replay != "" {
		more, err := script.Read(replay)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, more...)
	}
	return all
}

// TestScenarios plays the hand-written scenarios: every rule of TCP tracking
// with ctop's expected answer, and the expected deliberate differences.
func TestScenarios(t *testing.T) {
	c := openCourt(t)
	for _, file := range scenarios(t) {
		t.Run(file.Name, func(t *testing.T) {
			for _, s := range file.Sequences {
				t.Run(s.Name, func(t *testing.T) { checkScenario(t, c, s) })
			}
		})
	}
}

func checkScenario(t *testing.T, c *court, s *script.Sequence) {
	t.Helper()
	for i := range s.Steps {
		if step := &s.Steps[i]; step.Command != "" || step.Stray {
			t.Fatalf("%s: %s is not for this player", step.Where, step)
		}
	}
	o, err := c.hear(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range o.steps {
		t.Log(m)
		checkStep(t, m)
	}
	if o.unjudged > 0 {
		t.Errorf("%d steps were not judged", o.unjudged)
	}
}

func checkStep(t *testing.T, m *moment) {
	t.Helper()
	shown := ""
	if m.difference != nil {
		shown = m.difference.name
	}
	if m.unexplained() {
		t.Errorf("%s: unexplained difference", m.step.Where)
	} else if m.step.Want != nil && shown != m.step.Differs {
		t.Errorf("%s: shows difference %q, want %q", m.step.Where, shown, m.step.Differs)
	}
	if m.step.Want == nil {
		return
	}
	want, err := answerOf(m.step.Want)
	if err != nil {
		t.Fatalf("%s: %v", m.step.Where, err)
	}
	got := m.ctop
	if want.Why == "" {
		got.Why = ""
	}
	if got != want {
		t.Errorf("%s: ctop says %s, want %s", m.step.Where, m.ctop, want)
	}
}

// TestDifferencesAreDocumented compares the list in the docs with this one.
// Both must have the same differences, reasons and sources.
func TestDifferencesAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(docs), "| difference | why | source |\n|---|---|---|\n")
	list, _, ends := strings.Cut(list, "\n\n")
	if !found || !ends {
		t.Fatal("docs/architecture.md has no table of differences")
	}
	want := map[string]bool{}
	for _, d := range differences {
		want["| "+d.name+" | "+d.reason+" | "+d.source+" |"] = true
	}
	for line := range strings.Lines(list + "\n") {
		line = strings.TrimSpace(line)
		if !want[line] {
			t.Errorf("the docs have what is no difference: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("the docs lack: %s", line)
	}
}
