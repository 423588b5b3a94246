package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctop/internal/file"
	"ctop/internal/names"
)

// TestNamesFollow reads the file again when it has changed, and keeps what was read while
// it cannot be.
func TestNamesFollow(t *testing.T) {
	t.Cleanup(func() { names.Use(nil) })
	path := filepath.Join(t.TempDir(), "names")
	write := func(text string) {
		t.Helper()
		next := path + ".new"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	}
	write("10.0.0.1 one\n")
	seen := file.StampOf(path)
	if err := readNames(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		followNames(ctx, path, seen, time.Millisecond)
	}()
	is := func(name, trouble string) {
		t.Helper()
		for range 10_000 {
			if names.Own(netip.MustParseAddr("10.0.0.1")) == name && (trouble == "") == (names.Trouble() == "") && strings.Contains(names.Trouble(), trouble) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("%q, %q; not %q, %q", names.Own(netip.MustParseAddr("10.0.0.1")), names.Trouble(), name, trouble)
	}
	is("one", "")
	write("10.0.0.1 two\n")
	is("two", "")
	write("10.0.0.1 three\nwrong\n")
	is("two", `names:2: "wrong" is not an address`)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	is("two", "is gone")
	write("10.0.0.0/8 four\n")
	is("four", "")
	cancel()
	<-ended
}
