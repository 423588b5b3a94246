package ui

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// The README's table of keys is the help page's, word for word. With -update it
// is written again.
func TestReadmeKeys(t *testing.T) {
	const path, begin, end = "../README.md", "| key | what it does |\n|---|---|\n", "\nThe mouse selects"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatal("there is no table of keys")
	}
	want := keyTable()
	if have == want {
		return
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README.md has other keys than the help: go test ./ui -run TestReadmeKeys -update\n%s\nwant\n%s", have, want)
}

func keyTable() string {
	var b strings.Builder
	for _, section := range HelpSections() {
		if len(section.Keys) == 0 {
			continue
		}
		b.WriteString("| **" + section.Title + "** | |\n")
		for _, k := range section.Keys {
			b.WriteString("| `" + strings.ReplaceAll(k.Help().Key, " ", "` `") + "` | " + k.Help().Desc + " |\n")
		}
	}
	return b.String()
}
