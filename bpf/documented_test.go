package bpf

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMapsAreDocumented compares the table of maps in the docs with the maps of the
// programs.
func TestMapsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../docs/architecture.md")
	ok(t, err)
	_, table, found := strings.Cut(string(docs), "\n## Maps\n")
	table, _, ends := strings.Cut(table, "\n## ")
	if !found || !ends {
		t.Fatal("docs/architecture.md has no maps")
	}
	// User space makes the map of the tracker's description itself.
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = row[1] != "meta"
	}
	spec, err := LoadConntrack()
	ok(t, err)
	for name := range spec.Maps {
		if !documented[name] && name != ".rodata" && name != ".bss" {
			t.Errorf("the docs do not have the map %s", name)
		}
		delete(documented, name)
	}
	for name, missing := range documented {
		if missing {
			t.Errorf("the docs have the map %s, which does not exist", name)
		}
	}
}
