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
	c := &recordCommand{env: env{stdout: new(bytes.Buffer)}}
	for _, begun := range []bool{false, true} {
		f, err := c.create(name)
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
	if _, err := c.create(name); err == nil || !strings.Contains(err.Error(), "it already exists") {
		t.Errorf("%v", err)
	}
	if _, err := c.create(filepath.Join(name, "x")); err == nil || strings.Count(err.Error(), name) != 1 {
		t.Errorf("%v", err)
	}
	out, err := c.create("-")
	if err != nil || out.Writer != c.env.stdout || out.end() != nil {
		t.Errorf("%+v, %v", out, err)
	}
}
