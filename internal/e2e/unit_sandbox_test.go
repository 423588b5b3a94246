package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ctop/internal/lab"
)

// tools skips the test unless the tools of the sandbox tests are installed.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is missing: apt-get install systemd strace", name)
		}
	}
}

// systemd's own score of the unit's exposure, of which 10 is the worst.
func TestUnitExposure(t *testing.T) {
	tools(t, "systemd-analyze")
	for unit, most := range map[string]string{"ctop@.service": "30", "ctop-hub.service": "20"} {
		cmd := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, "../../docs/"+unit)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", unit, err, out)
		}
	}
}

// sandbox sets up at least the mounts that the unit requests: systemd(1) does
// not run here. $1 is the state directory.
const sandbox = `
set -e
state=$1; shift
mkdir -p /run/ctop
for dir in "$state" /run/ctop /sys/fs/bpf /proc/sys; do mount --bind "$dir" "$dir"; done
# PrivateDevices
mkdir -p "$state/dev"
mount --rbind /dev "$state/dev"
mount -t tmpfs none /dev
for node in null zero full random urandom tty; do touch /dev/$node; mount --bind "$state/dev/$node" /dev/$node; done
umount -l "$state/dev"
# ProtectSystem=strict, ReadOnlyPaths, ReadWritePaths, StateDirectory, RuntimeDirectory
awk '{print $5}' /proc/self/mountinfo | while read -r point; do
	case $point in
	"$state"|/run/ctop|/sys/fs/bpf|/dev/*|/run/netns/*) continue;; # the last ones are of no kind that is written to
	/proc/sys|/sys|/sys/*) ;;
	/proc|/proc/*) continue;;
	esac
	mount -o remount,bind,ro "$point"
done
if touch /proc/sys/net/ipv4/ip_forward || mkdir /run/x || mkdir /sys/fs/cgroup/x; then exit 9; fi 2>/dev/null
exec "$@"`

// sandboxed prepares a run of the service with the unit's capabilities and
// mounts. Its system calls are written to a file.
func (s *serving) sandboxed(u *unit, calls string) *lab.Cmd {
	cmd := s.command()
	bound := "-all"
	for _, name := range strings.Fields(u.setting["CapabilityBoundingSet"]) {
		bound += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
	}
	// The tracer is not the parent, so the service gets the signals, not the
	// tracer.
	line := []string{
		"unshare", "--mount", "sh", "-c", sandbox, "sh", s.state,
		"setpriv", "--no-new-privs", "--bounding-set=" + bound, "--inh-caps=-all",
		"strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=!futex,nanosleep,clock_nanosleep,epoll_pwait,read,write", "-o", calls,
		cmd.Path,
	}
	cmd.Args = append(line, cmd.Args[1:]...)
	path, err := exec.LookPath(line[0])
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Path = path
	return cmd
}

// The service needs nothing that the unit forbids: it runs with the unit's
// capabilities and mounts, and every system call that it makes is allowed.
func TestUnitSandbox(t *testing.T) {
	tools(t, "systemd-analyze", "strace", "setpriv")
	u, s := readUnit(t), newServing(t)
	before := offloads(t, s.Lab)
	seen := map[string]bool{}
	for run := range 2 {
		calls := filepath.Join(s.state, fmt.Sprint("calls", run))
		s.start(s.sandboxed(u, calls))
		o := s.console(s.dial(servedAddr))
		for _, command := range []string{"timeouts icmp=7s", "dump -o json", "reset --all", "delete --all"} {
			s.run(command)
		}
		s.metric("ctop_ssh_consoles")
		s.checkWhole(s.begins(o))
		if _, err := o.keys.Write([]byte("q")); err != nil {
			t.Error(err)
		}
		_ = s.ends(o)
		if run == 0 {
			s.kill() // and the next one takes over what it leaves
		} else {
			s.stop()
		}
		s.traced(calls)
		u.allows(calls, seen)
	}
	if !seen["bpf"] || !seen["capset"] || !seen["setns"] || !seen["perf_event_open"] {
		t.Errorf("calls were missed: %v", seen)
	}
	checkDetached(t, s.Lab)
	if after := offloads(t, s.Lab); after != before {
		t.Errorf("offloads are %v, they were %v", after, before)
	}
}

// traced waits until the tracer, which outlives the service, has written the last call.
func (s *serving) traced(calls string) {
	s.t.Helper()
	s.eventually("the tracer has ended", func() bool {
		programs, err := filepath.Glob("/proc/[0-9]*/cmdline")
		return err == nil && !slices.ContainsFunc(programs, func(name string) bool {
			text, _ := os.ReadFile(name) // nothing of one that has ended
			return strings.Contains(string(text), "\x00"+calls+"\x00")
		})
	})
}

// allows checks that the unit's filters allow every call of a trace.
func (u *unit) allows(calls string, seen map[string]bool) {
	u.t.Helper()
	text, err := os.ReadFile(calls)
	if err != nil {
		u.t.Fatal(err)
	}
	allowed := u.systemCalls()
	families := strings.Fields(u.setting["RestrictAddressFamilies"])
	for _, match := range regexp.MustCompile(`(?m)^\d+ +(\w+)\((.*)`).FindAllStringSubmatch(string(text), -1) {
		name, args := match[1], match[2]
		if first := !seen[name]; first && !allowed[name] {
			u.t.Errorf("SystemCallFilter: %s(%.80s", name, args)
		}
		seen[name] = true
		if why := forbidden(name, args, families); why != "" {
			u.t.Errorf("%s: %s(%.120s", why, name, args)
		}
	}
}

// forbidden names the directive that forbids a call because of its arguments.
func forbidden(name, args string, families []string) string {
	switch name {
	case "setns":
		if !strings.Contains(args, "CLONE_NEWNET") {
			return "RestrictNamespaces"
		}
	case "clone", "clone3", "unshare":
		if strings.Contains(args, "CLONE_NEW") {
			return "RestrictNamespaces"
		}
	case "mmap":
		if strings.Contains(args, "PROT_WRITE|PROT_EXEC") {
			return "MemoryDenyWriteExecute"
		}
	case "mprotect", "pkey_mprotect":
		if strings.Contains(args, "PROT_EXEC") {
			return "MemoryDenyWriteExecute"
		}
	case "socket":
		if family, _, _ := strings.Cut(args, ","); !slices.Contains(families, family) {
			return "RestrictAddressFamilies"
		}
	}
	return ""
}

// systemCalls returns the calls that the unit's SystemCallFilter allows, with the one in
// the drop-in that lets consoles capture.
func (u *unit) systemCalls() map[string]bool {
	u.t.Helper()
	text, err := os.ReadFile("../../docs/ctop@.service")
	if err != nil {
		u.t.Fatal(err)
	}
	allowed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "# "), "SystemCallFilter=")
		if !ok {
			continue
		}
		list, denied := strings.CutPrefix(value, "~")
		for _, word := range strings.Fields(list) {
			for _, name := range u.systemCallSet(word) {
				allowed[name] = !denied
			}
		}
	}
	return allowed
}

// systemCallSet returns the calls of a set, including nested sets.
func (u *unit) systemCallSet(name string) (names []string) {
	u.t.Helper()
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager", name).Output()
	if err != nil {
		u.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		word := strings.TrimSpace(line)
		if word != "" && word != name && !strings.HasPrefix(word, "#") {
			names = append(names, u.systemCallSet(word)...)
		}
	}
	return names
}
