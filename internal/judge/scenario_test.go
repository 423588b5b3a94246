package judge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scenarios reads testdata, and the file that CTOP_JUDGE_REPLAY names.
func scenarios(t *testing.T) map[string][]*Sequence {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios in testdata", err)
	}
	if replay := os.Getenv("CTOP_JUDGE_REPLAY"); replay != "" {
		files = append(files, replay)
	}
	all := map[string][]*Sequence{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sequences, err := parseSequences(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = sequences
	}
	return all
}

// TestScenarios plays what was written by hand: every rule of TCP tracking, what
// ctop is to answer, and the deliberate differences that must show.
func TestScenarios(t *testing.T) {
	c := openCourt(t)
	for file, sequences := range scenarios(t) {
		t.Run(file, func(t *testing.T) {
			for _, s := range sequences {
				t.Run(s.Name, func(t *testing.T) { checkScenario(t, c, s) })
			}
		})
	}
}

func checkScenario(t *testing.T, c *court, s *Sequence) {
	t.Helper()
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
		t.Errorf("line %d: unexplained difference", m.step.Line)
	} else if m.step.Want != nil && shown != m.step.Differs {
		t.Errorf("line %d: shows difference %q, want %q", m.step.Line, shown, m.step.Differs)
	}
	want := m.step.Want
	if want == nil {
		return
	}
	got := m.ctop
	if want.Why == "" {
		got.Why = ""
	}
	if got != *want {
		t.Errorf("line %d: ctop says %s, want %s", m.step.Line, m.ctop, want)
	}
}

// TestDifferencesAreDocumented holds the list in the docs against this one: each
// difference is there with its reason and its source, and no other.
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
