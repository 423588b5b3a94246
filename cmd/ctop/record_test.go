package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file in which no recording began is removed, and none that was there is touched.
func TestRecordFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "night.ctop")
	e := env{stdout: new(bytes.Buffer)}
	create := func(name string) (*newFile, error) { return createFile(e, "record", name) }
	for _, begun := range []bool{false, true} {
		f, err := create(name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		f.begun = begun
		if err := f.end(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(name); (err == nil) != begun {
			t.Errorf("begun %t: %v", begun, err)
		}
	}
	if _, err := create(name); err == nil || !strings.Contains(err.Error(), "it already exists") {
		t.Errorf("%v", err)
	}
	if _, err := create(filepath.Join(name, "x")); err == nil || strings.Count(err.Error(), name) != 1 {
		t.Errorf("%v", err)
	}
	out, err := create("-")
	if err != nil || out.Writer != e.stdout || out.end() != nil {
		t.Errorf("%+v, %v", out, err)
	}
}
