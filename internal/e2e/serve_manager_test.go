package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// datagrams collects the input of a unix datagram socket.
func datagrams(t *testing.T, path string) *said {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	all, done := &said{}, make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			_, _ = all.Write(append(b[:n], '\n'))
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return all
}

// The service notifies the service manager once it serves, then as often as the
// watchdog requires, and when it stops. From the start of serving, every thread
// has only the capabilities in the README, and can regain no others.
func TestServeUnderAManager(t *testing.T) {
	s := newServing(t)
	socket := filepath.Join(s.state, "notify")
	told := datagrams(t, socket)
	cmd := s.command()
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	s.start(cmd)
	s.eventually("it is ready", func() bool { return strings.HasPrefix(told.String(), "READY=1\n") })
	s.run("timeouts") // it serves
	s.eventually("it is well", func() bool { return strings.Count(told.String(), "WATCHDOG=1\n") >= 2 })
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("%v, %d threads", err, len(threads))
	}
	// CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON and CAP_BPF.
	const kept = "000000c000201000"
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		const none = "0000000000000000"
		for set, want := range map[string]string{
			"CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1",
		} {
			if !strings.Contains(string(text), set+":\t"+want+"\n") {
				t.Errorf("%s is not %s in\n%s", set, want, text)
			}
		}
	}
	s.stop()
	// Its last message may not have been read yet.
	s.eventually("it stops", func() bool { return strings.Contains(told.String(), "STOPPING=1\n") })
	checkDetached(t, s.Lab)
}

// Actions of operators are also in the system log, a socket at /dev/log of
// either syslog or journald.
func TestServeTellsTheSystemLog(t *testing.T) {
	s := newServing(t)
	socket := filepath.Join(s.state, "log")
	told := datagrams(t, socket)
	s.limit = 2 * time.Minute // each act is made once
	cmd := s.command("--ssh-handshake", s.limit.String())
	// The program gets its own /dev, since the machine's must not be changed.
	script := `
set -e
mkdir ` + s.state + `/dev
mount --rbind /dev ` + s.state + `/dev
mount -t tmpfs none /dev
touch /dev/null && mount --bind ` + s.state + `/dev/null /dev/null
ln -s ` + socket + ` /dev/log
exec "$@"`
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{"unshare", "--mount", "sh", "-c", script, "sh"}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
	cmd.Path = path
	s.start(cmd)
	s.run("timeouts icmp=7s")
	s.run("delete --all")
	line := regexp.MustCompile(`<85>.* ctop\[\d+\]: (\{.*\})`)
	var found [][]string
	s.eventually("both acts are in the system's log", func() bool {
		found = line.FindAllStringSubmatch(told.String(), -1)
		return len(found) == 2
	})
	for i, want := range []string{"timeout", "delete"} {
		var act struct{ Role, Fingerprint, Address, Act string }
		if err := json.Unmarshal([]byte(found[i][1]), &act); err != nil {
			t.Fatal(err)
		}
		if act.Act != want || act.Role != "operator" || act.Address != "127.0.0.1" || !strings.HasPrefix(act.Fingerprint, "SHA256:") {
			t.Errorf("%+v", act)
		}
	}
	s.stop()
	checkDetached(t, s.Lab)
}

// systemd accepts the unit without complaints.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing: apt-get install systemd")
	}
	program, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/ctop@.service")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/bin/ctop"
	if !strings.Contains(string(text), installed) {
		t.Errorf("it does not start %s", installed)
	}
	unit := filepath.Join(t.TempDir(), "ctop@eth0.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), installed, program)), 0o600); err != nil {
		t.Fatal(err)
	}
	// What it starts may outlive it, and would hold a pipe.
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", unit)
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Run()
	if out, failed := os.ReadFile(said.Name()); err != nil || failed != nil || len(out) != 0 {
		t.Errorf("%v, %v: %s", err, failed, out)
	}
}
