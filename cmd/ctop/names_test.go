package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
		for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); {
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

// linesOf hands on the messages of a log.
type linesOf chan string

func (l linesOf) Write(text []byte) (int, error) {
	_, message, _ := strings.Cut(string(text), "msg=")
	l <- strings.TrimSpace(message)
	return len(text), nil
}

// The log says once why the file of names was not read, and once that it is read again.
func TestNamesLogged(t *testing.T) {
	t.Cleanup(func() { names.Use(nil) })
	names.Use(nil)
	lines := make(linesOf, 10)
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	var logs sync.WaitGroup
	logs.Go(func() { logNames(ctx, slog.New(slog.NewTextHandler(lines, nil)), time.Millisecond) })
	line := func() string {
		select {
		case got := <-lines:
			return got
		case <-ctx.Done():
			return "nothing"
		}
	}
	for range 2 {
		names.Keep(errors.New("it is gone"))
		if got := line(); got != `"the file of names was not read: the names stay what they were" error="it is gone"` {
			t.Errorf("the log says %s", got)
		}
		names.Use(nil)
		if got := line(); got != `"read the file of names again"` {
			t.Errorf("the log says %s", got)
		}
	}
	cancel()
	logs.Wait()
	if len(lines) != 0 {
		t.Errorf("the log says more: %s", <-lines)
	}
}
