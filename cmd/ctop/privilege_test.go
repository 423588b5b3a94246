package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
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

func runAsNobody(t *testing.T, args []string) (status int, stderr string) {
	t.Helper()
	const nobody = 65534
	var text strings.Builder
	cmd := exec.Command("/proc/self/exe") // which needs no way to the file
	cmd.Args = append([]string{"ctop"}, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stderr = &text
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}
