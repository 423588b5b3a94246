package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

// session is a shell on the machine, by an SSH server of Debian's, from the client. It
// arrives by the interface to the client.
type session struct {
	*rig
	stdin io.Writer
	said  *said
	asked int
}

// newSession starts the server, with a home directory of its own, and logs in.
func newSession(t *testing.T) *session {
	t.Helper()
	if _, err := exec.LookPath("dropbear"); err != nil {
		t.Fatal("dropbear is missing: apt-get install dropbear-bin")
	}
	l, ctx := newLab(t)
	s := &session{rig: &rig{Lab: l, t: t, ctx: ctx}, said: new(said)}
	addAddresses(t, l.Client.Port(), own...)
	home := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	hostKey, key := filepath.Join(home, "host"), filepath.Join(home, "key")
	run("dropbearkey", "-t", "ed25519", "-f", hostKey)
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(home, ".ssh/authorized_keys"), string(public))
	s.livesAt(home)
	at := own[0].Addr().String()
	server := lab.Command(ctx, "dropbear", "-F", "-E", "-s", "-p", at+":22", "-r", hostKey, "-P", filepath.Join(home, "pid"))
	log := new(said)
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	s.await("the SSH server", func() bool { return strings.Contains(log.String(), "Not backgrounding") })
	s.logIn(ctx, key, at)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the session: %q; the server: %s", s.said.end(), log)
		}
	})
	return s
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// livesAt gives root another home directory, in the mount namespace of the tests.
func (s *session) livesAt(home string) {
	s.t.Helper()
	passwd := filepath.Join(home, "passwd")
	writeFile(s.t, passwd, "root:x:0:0:root:"+home+":/bin/sh\n")
	if err := unix.Mount(passwd, "/etc/passwd", "", unix.MS_BIND, ""); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := unix.Unmount("/etc/passwd", unix.MNT_DETACH); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *session) logIn(ctx context.Context, key, at string) {
	s.t.Helper()
	cmd := s.Client.Command(ctx, "ssh", "-tt", "-F", "none", "-i", key, "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@"+at)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.stdin = stdin
	cmd.Stdout, cmd.Stderr = s.said, s.said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s.answers()
}

// types types a text.
func (s *session) types(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, text); err != nil {
		s.t.Fatalf("the session is gone: %v", err)
	}
}

// answers types a command and waits for what it prints.
func (s *session) answers() {
	s.t.Helper()
	s.asked++
	s.types(fmt.Sprintf("stty size; echo alive-$((%d + 1000))\n", s.asked))
	s.await("an answer in the session", func() bool { return strings.Contains(s.said.String(), fmt.Sprintf("alive-%d", s.asked+1000)) })
}

// shows waits for a text on the screen that was not there before.
func (s *session) shows(before int, text string) {
	s.t.Helper()
	s.await("the session shows "+text, func() bool { return strings.Contains(s.said.String()[before:], text) })
}

// The console watches the interface by which the session that it was typed in arrives.
// The session goes on, and the console shows it: while it runs, after it is quit, after a
// kill and after "ctop down".
func TestWatchOwnSession(t *testing.T) {
	s := newSession(t)
	binary, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	port := s.Client.Port()
	before := len(s.said.String())
	s.types("stty rows 30 cols 140; HOME=" + s.t.TempDir() + " " + binary + " " + port + "; echo ended-$?-\n")
	s.shows(before, "ESTABLISHED")
	s.shows(before, own[0].Addr().String()+":22")
	for range 20 { // it is drawn again and again, over the flow that it shows
		s.types("r")
		time.Sleep(20 * time.Millisecond)
	}
	s.types("q")
	s.shows(before, "stop watching?")
	s.types("s")
	s.shows(before, "ended-0-")
	s.answers()
	checkDetached(t, s.Lab)
	// The policy enforce would cut it: that is refused.
	before = len(s.said.String())
	s.types(binary + " --dump --policy enforce " + port + "; echo ended-$?-\n")
	s.shows(before, "the policy enforce would cut it")
	s.shows(before, "ended-1-")
	s.answers()
	// Its process is killed, and what it leaves is taken down.
	s.types(binary + " serve " + port + " & echo pid-$!-\n")
	var pid int
	s.await("the tracker's process", func() bool {
		// The prompt may stand before it: the terminal echoes what is typed before that, too.
		number := regexp.MustCompile(`pid-(\d+)-`).FindStringSubmatch(s.said.String())
		if number == nil {
			return false
		}
		_, err := fmt.Sscan(number[1], &pid)
		return err == nil
	})
	s.await("it serves", func() bool { return strings.Contains(s.said.String(), "msg=serving") })
	s.answers()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.answers()
	s.types(binary + " down " + port + "; echo down-$?-\n")
	s.await("it is down", func() bool { return strings.Contains(s.said.String(), "down-0-") })
	s.answers()
	checkDetached(t, s.Lab)
}
