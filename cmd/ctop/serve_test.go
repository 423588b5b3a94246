package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

func TestListenIsLocalByDefault(t *testing.T) {
	for _, address := range []string{":0", "0", "127.0.0.1:0", "localhost:0"} {
		l, err := listen("ssh", address)
		if err != nil {
			t.Fatal(err)
		}
		if a := l.Addr().(*net.TCPAddr); !a.IP.IsLoopback() {
			t.Errorf("%s is %s", address, a)
		}
		l.Close()
	}
	for _, address := range []string{"", "x:y:z", "nosuchport", "127.0.0.1:99999"} {
		if l, err := listen("ssh", address); err == nil {
			l.Close()
			t.Errorf("%q was taken", address)
		}
	}
}

func TestStatePlace(t *testing.T) {
	for name, tt := range map[string]struct{ state, home, want string }{
		"state": {"/x", "/h", "/x/ctop"}, "relative": {"x", "", "/var/lib/ctop"}, "none": {"", "", "/var/lib/ctop"},
	} {
		getenv := func(n string) string { return map[string]string{"XDG_STATE_HOME": tt.state, "HOME": tt.home}[n] }
		if got := statePlace(getenv); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// The service manager is told what sd_notify(3) promises it.
func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	read := func() string {
		_ = l.SetReadDeadline(time.Now().Add(waitTimeout))
		b := make([]byte, 200)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	getenv := func(n string) string { return map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000"}[n] }
	n := newNotifier(getenv)
	defer n.close()
	n.ready()
	if got := read(); !strings.HasPrefix(got, "READY=1\n") {
		t.Errorf("%q", got)
	}
	var ill atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- n.watch(ctx, func() error {
			if ill.Load() {
				return errors.New("no snapshot")
			}
			return nil
		})
	}()
	for range 2 {
		if got := read(); !strings.HasPrefix(got, "WATCHDOG=1\n") {
			t.Errorf("%q", got)
		}
	}
	ill.Store(true)
	for got := read(); got != "STATUS=no snapshot"; got = read() {
		if !strings.HasPrefix(got, "WATCHDOG=1\n") {
			t.Fatalf("%q", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for got := ""; got != "STOPPING=1\nSTATUS=stopping"; got = read() {
		n.stopping()
	}
}

func TestNotifierWithoutManager(t *testing.T) {
	for _, path := range []string{"", "relative", "/nosuch/socket"} {
		n := newNotifier(func(string) string { return path })
		n.ready()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := n.watch(ctx, nil); err != nil {
			t.Error(err)
		}
		n.close()
	}
}

// still is a source that nothing happens to.
type still struct{ events []flow.Event }

func (still) Snapshot() *flow.Snapshot {
	return &flow.Snapshot{Time: time.Now(), MaxFlows: 10, Timeouts: flow.DefaultTimeouts()}
}

func (s still) Events(uint64) ([]flow.Event, uint64) { return s.events, 0 }

func (still) Act(context.Context, flow.Act) (flow.Outcome, error) { return flow.Outcome{}, nil }

func TestRemoteCommands(t *testing.T) {
	for command, want := range map[string]struct {
		status         int
		stdout, stderr string
	}{
		"dump -o json":            {0, `"schema"`, ""},
		"ctop dump -o csv":        {0, "id,", ""},
		"dump x":                  {2, "", "takes no arguments"},
		"timeouts":                {0, "icmp", ""},
		"timeouts icmp=9s":        {0, "30s → 9s", ""},
		"timeouts icmp=never":     {2, "", "not a duration"},
		"delete":                  {2, "", "name the flows"},
		"delete --all":            {0, "deleted 0 flows", ""},
		"events --for 1s":         {0, "", ""},
		"events --filter dport:x": {2, "", "filter"},
		"serve a b":               {2, "", `"serve" is not available here`},
		"sh":                      {2, "", "not available"},
		"\x1b[2J":                 {2, "", "not available"},
		"--dump":                  {2, "", "not available"},
		"help":                    {2, "", "not available"},
		"__complete dump":         {2, "", "not available"},
		"ctop":                    {2, "", "not available"},
		"dump --config /etc/foo":  {2, "", "unknown flag"},
	} {
		t.Run(command, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := newDumps().command(context.Background(), console.Command{
				Args: strings.Fields(command), Reader: still{}, Actor: still{}, Stdout: &stdout, Stderr: &stderr,
			})
			if status != want.status || !strings.Contains(stdout.String(), want.stdout) || !strings.Contains(stderr.String(), want.stderr) {
				t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
			}
			if strings.Contains(stderr.String(), "\x1b") {
				t.Error("an escape sequence came back")
			}
		})
	}
}
