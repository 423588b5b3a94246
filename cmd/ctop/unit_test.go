package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"ctop/tracker/flow"
)

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
		line   string
	}{
		{"nothing", nil, exitDone, ""},
		{"the reader left", writeFailed(&fs.PathError{Op: "write", Path: "/dev/stdout", Err: unix.EPIPE}), exitDone, ""},
		{"failure", errors.New("read veth1: gone"), exitFailed, "ctop: read veth1: gone\n"},
		{"several failures", errors.Join(errors.New("a"), errors.New("b")), exitFailed, "ctop: a; b\n"},
		{"usage", usagef("no"), exitUsage, "ctop: no\n"},
		{"usage in the tracker", fmt.Errorf("open: %w", flow.Usagef("attach to x: it was named twice")), exitUsage, "ctop: open: attach to x: it was named twice\n"},
		{"permission without advice", fmt.Errorf("open pins: %w", fs.ErrPermission), exitFailed, "ctop: open pins: permission denied: run ctop as root, as in sudo ctop\n"},
		{"its words in a name", errors.New("attach to wrong usage: x: no"), exitFailed, "ctop: attach to wrong usage: x: no\n"},
		{"advice in a name", fmt.Errorf("open /as root/x: %w", fs.ErrPermission), exitFailed, "ctop: open /as root/x: permission denied: run ctop as root, as in sudo ctop\n"},
		{"permission with advice", errors.Join(fs.ErrPermission, flow.Advisedf("ask %w", unix.EACCES)), exitFailed, "ctop: permission denied; ask permission denied\n"},
		{"signal while opening", fmt.Errorf("attach: %w", context.Canceled), exitFailed, "ctop: interrupted before it began\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var line strings.Builder
			if status := report(&line, tt.err); status != tt.status || line.String() != tt.line {
				t.Errorf("%d %q, want %d %q", status, line.String(), tt.status, tt.line)
			}
		})
	}
}

func TestSortValue(t *testing.T) {
	for text, want := range map[string]string{
		"age": "age:desc", "in_bytes": "in_bytes:desc",
		"proto": "proto:asc", "ttl": "ttl:asc", "ttl:desc": "ttl:desc", "age:asc": "age:asc",
		// Earlier spellings.
		"total": "bytes:desc", "out": "out_rate:desc", "in:asc": "in_rate:asc", "interface": "if:asc",
	} {
		var v sortValue
		if err := v.Set(text); err != nil || v.String() != want {
			t.Errorf("%s is %s, %v, want %s", text, v.String(), err, want)
		}
	}
}

func TestTimeoutsValue(t *testing.T) {
	var v timeoutsValue
	for _, text := range []string{"icmp=5s,other=1h", "icmp=7"} {
		if err := v.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := v.String(), "icmp=7s,other=1h"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// pipe passes writes on to a test.
type pipe struct {
	writes chan string
	err    error
}

func (p pipe) Write(b []byte) (int, error) {
	p.writes <- string(b)
	return len(b), p.err
}

func TestLineWriter(t *testing.T) { synctest.Test(t, testLineWriter) }

func testLineWriter(t *testing.T) {
	p := pipe{writes: make(chan string, 10)}
	l := newLineWriter(p, func(error) { t.Error("aborted") })
	for _, line := range []string{"a\n", "b\n"} {
		if err := l.write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-p.writes; got != "a\nb\n" { // without being told to flush
		t.Errorf("wrote %q", got)
	}
	_ = l.write([]byte("c\n"))
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if got := <-p.writes; got != "c\n" {
		t.Errorf("wrote %q", got)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

func TestLineWriterAborts(t *testing.T) {
	p := pipe{writes: make(chan string, 10), err: unix.EPIPE}
	ctx, abort := context.WithCancelCause(context.Background())
	l := newLineWriter(p, abort)
	_ = l.write([]byte("a\n"))
	<-ctx.Done() // though nobody wrote again
	if err := l.stop(); !errors.Is(err, unix.EPIPE) || !errors.Is(context.Cause(ctx), unix.EPIPE) {
		t.Errorf("stop: %v, cause: %v", err, context.Cause(ctx))
	}
}

// Who acts is who logged in, whatever the environment says.
func TestActor(t *testing.T) {
	t.Setenv("SUDO_USER", "mallory")
	for _, tt := range []struct {
		login string
		uid   int
		want  string
	}{
		{"0\n", 0, "root"},
		{"4294967295", 0, "root"},
		{"", 0, "root"},
		{"rubbish", 0, "root"},
		{"1\n", 0, "daemon as root"},
		{"4294967290", 0, "uid 4294967290 as root"},
		{"0", 1, "root as daemon"},
	} {
		if got := loggedIn(tt.login, tt.uid); got != tt.want {
			t.Errorf("loggedIn(%q, %d) = %q, want %q", tt.login, tt.uid, got, tt.want)
		}
	}
}
