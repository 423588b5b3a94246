// Package docs_test holds the documents against the sources that they name.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	named = regexp.MustCompile("`([A-Za-z0-9_./-]+)`")
	// source is a file that a document names by its path, or a C header.
	source = regexp.MustCompile(`^(\w+/)+\w+\.(go|c|h)$|^\w+\.h$`)
	// test is the name of a test, which may stand for several.
	test = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	// grouped are tests followed by their folder.
	grouped = regexp.MustCompile("((?:`(?:Test|Fuzz|Benchmark)\\w+`(?:, | and )?)+)\\s*\\(`([a-z0-9/]+)`\\)")
	// defined is a test that there is.
	defined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w*)\(`)
)

// TestNamedSourcesExist looks for the source files and tests that the documents name.
func TestNamedSourcesExist(t *testing.T) {
	files, tests := sources(t)
	documents, err := filepath.Glob("*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal("no documents: ", err)
	}
	for _, document := range append(documents, "../README.md", "../SECURITY.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			name := match[1]
			if source.MatchString(name) && !files[name] && !foreign(name) {
				t.Errorf("%s names the file %s, which does not exist", document, name)
			}
			if test.MatchString(name) && len(tests[name]) == 0 {
				t.Errorf("%s names the test %s, which does not exist", document, name)
			}
		}
		for _, match := range grouped.FindAllStringSubmatch(string(text), -1) {
			for _, name := range named.FindAllStringSubmatch(match[1], -1) {
				if folders := tests[name[1]]; !slices.Contains(folders, match[2]) {
					t.Errorf("%s says that %s is in %s, not %v", document, name[1], match[2], folders)
				}
			}
		}
	}
}

// foreign reports whether a file is one of the Linux kernel's.
func foreign(name string) bool {
	return strings.HasPrefix(name, "net/") || strings.HasPrefix(name, "include/") || strings.HasPrefix(name, "kernel/")
}

// sources returns the files of the repository, C headers by their base name too, and the
// folders of its tests.
func sources(t *testing.T) (files map[string]bool, tests map[string][]string) {
	t.Helper()
	files, tests = map[string]bool{}, map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == ".git" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		files[name] = true
		if strings.HasSuffix(path, ".h") {
			files[filepath.Base(path)] = true
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range defined.FindAllSubmatch(text, -1) {
			tests[string(match[1])] = append(tests[string(match[1])], filepath.ToSlash(filepath.Dir(name)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, tests
}
