package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each privileged script is a test of its own, so that one of them can run alone.

func TestPrivilegedBundle(t *testing.T)   { privileged(t, "bundle") }
func TestPrivilegedCapture(t *testing.T)  { privileged(t, "capture") }
func TestPrivilegedDelete(t *testing.T)   { privileged(t, "delete") }
func TestPrivilegedDemo(t *testing.T)     { privileged(t, "demo") }
func TestPrivilegedDump(t *testing.T)     { privileged(t, "dump") }
func TestPrivilegedJoined(t *testing.T)   { privileged(t, "joined") }
func TestPrivilegedRecord(t *testing.T)   { privileged(t, "record") }
func TestPrivilegedReset(t *testing.T)    { privileged(t, "reset") }
func TestPrivilegedServe(t *testing.T)    { privileged(t, "serve") }
func TestPrivilegedTerminal(t *testing.T) { privileged(t, "terminal") }
func TestPrivilegedTrace(t *testing.T)    { privileged(t, "trace") }

func privileged(t *testing.T, name string) {
	t.Helper()
	t.Parallel()
	runPrivileged(t, filepath.Join("testdata", "privileged", name+".txtar"))
}

// TestAlone runs what is about every tracker that there is.
func TestAlone(t *testing.T) { runPrivileged(t, "testdata/alone/unnamed.txtar") }

// TestEveryPrivilegedScriptRuns compares the tests above with the scripts.
func TestEveryPrivilegedScriptRuns(t *testing.T) {
	source, err := os.ReadFile("privileged_test.go")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/privileged/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txtar")
		if !strings.Contains(string(source), "(t, \""+name+"\")") {
			t.Errorf("no test runs %s", script)
		}
	}
}
