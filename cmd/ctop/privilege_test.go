package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// TestWithoutPrivilege runs the program as a user who may do nothing.
func TestWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("privileged: only root can become nobody")
	}
	for _, tt := range []struct {
		args   string
		status int
		want   string
	}{
		{"demo --dump", exitFailed, "run it as root, as in sudo ctop demo"},
		{"--dump nosuch0 nosuch1", exitUsage, "no such interface"},
		{"version extra", exitUsage, "takes no arguments"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			status, stderr := runAsNobody(t, strings.Fields(tt.args))
			if status != tt.status || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit status %d and %q, want %d and one line with %q", status, stderr, tt.status, tt.want)
			}
		})
	}
}

// A configuration that may not be read is answered by what to do about it, wherever
// it is.
func TestConfigurationWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("privileged: only root can become nobody")
	}
	home := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := asNobody("--dump")
	cmd.Stderr, cmd.Env = &stderr, append(cmd.Env, "HOME="+home)
	err := cmd.Run()
	want := "permission denied: let this user read it, set XDG_CONFIG_HOME to another directory, or run ctop as root\n"
	if cmd.ProcessState.ExitCode() != exitFailed || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("%v, %q", err, stderr.String())
	}
}

// TestReplayWithoutPrivilege shows a recording to a user who may do nothing.
func TestReplayWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("privileged: only root can become nobody")
	}
	var file bytes.Buffer
	w, err := recording.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	s := &flow.Snapshot{Time: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC), Host: "edge", MaxFlows: 1000}
	s.Interfaces = []flow.Interface{{Name: "left"}, {Name: "right"}}
	if err := errors.Join(w.Snapshot(s), w.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := asNobody("replay", "--dump", "-o", "json", "-")
	cmd.Stdin = bytes.NewReader(file.Bytes())
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), `"host": "edge"`) {
		t.Errorf("%v: %s", err, out)
	}
	for text, want := range map[string]string{
		"ctop.recording/9\n": "ctop: replay -: it was recorded by another version of ctop (ctop.recording/9, not ctop.recording/1): record it again, or use the ctop that wrote it\n",
		"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00": "load BPF programs: not permitted: run it as root (sudo ctop …), or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN\n",
		"ctop.recording/1\nrubbish":             "ctop: replay -: the recording is damaged or truncated: record it again, or use the ctop that wrote it\n",
		string(file.Bytes()[:file.Len()/4]):     "ctop: replay -: the recording is damaged or truncated; it contains no snapshot: record it again, for longer\n",
		strings.Repeat("\x00rubbish\xff", 1000): "name a capture that tcpdump or Wireshark wrote, or a recording of ctop record\n",
	} {
		var stderr strings.Builder
		cmd := asNobody("replay", "-")
		cmd.Stdin, cmd.Stderr = strings.NewReader(text), &stderr
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed || !strings.HasSuffix(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%.30q: %v, %q", text, err, stderr.String())
		}
	}
}

// Without CAP_PERFMON the verifier refuses the programs, with text that helps nobody.
func TestWithSomePrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("privileged: only root can become nobody")
	}
	var stderr strings.Builder
	cmd := asNobody("replay", "-")
	cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_BPF, unix.CAP_NET_ADMIN}
	cmd.Stdin = strings.NewReader("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00")
	cmd.Stderr = &stderr
	err := cmd.Run()
	want := "ctop: load BPF programs: not permitted: run it as root (sudo ctop …), or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN\n"
	if cmd.ProcessState.ExitCode() != exitFailed || stderr.String() != want {
		t.Errorf("%v, %q", err, stderr.String())
	}
}

// asNobody prepares a run of the program by a user who may do nothing.
func asNobody(args ...string) *exec.Cmd {
	const nobody = 65534
	cmd := exec.Command("/proc/self/exe") // which needs no way to the file
	cmd.Args = append([]string{"ctop"}, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

func runAsNobody(t *testing.T, args []string) (status int, stderr string) {
	t.Helper()
	var text strings.Builder
	cmd := asNobody(args...)
	cmd.Stderr = &text
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}
