package mutant

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsOn(t *testing.T) {
	for _, text := range []string{"", "x"} {
		dir := t.TempDir()
		write(t, dir, ActiveFile, text)
		if s := load(dir); s.on(0) || s.on(1) {
			t.Errorf("with %q a mutation is on", text)
		}
	}
	if On(0) || Choose(0, "original", "mutated") != "original" {
		t.Error("without a directory a mutation is on")
	}
}

func TestOneIsOn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ActiveFile, "7\n")
	before := current
	t.Cleanup(func() { current = before })
	current = load(dir)
	if !On(7) || On(6) || Choose(7, 1, 2) != 2 || Choose(8, 1, 2) != 1 {
		t.Error("the wrong mutation is on")
	}
	if _, err := os.Stat(filepath.Join(dir, ReachedFile)); err == nil {
		t.Error("nobody wants to know what is reached")
	}
}

func TestReached(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ReachedFile, "")
	s := load(dir)
	for _, number := range []int{3, 12, 3} {
		s.on(number)
	}
	got, err := os.ReadFile(filepath.Join(dir, ReachedFile))
	if err != nil || string(got) != "3\n12\n" {
		t.Errorf("%q, error %v", got, err)
	}
	if err := os.Remove(filepath.Join(dir, ReachedFile)); err != nil {
		t.Fatal(err)
	}
	s.on(4)
	if _, err := os.Stat(filepath.Join(dir, ReachedFile)); err == nil {
		t.Error("the file is back")
	}
}
