package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unit has the settings of docs/ctop@.service, by their names in
// systemd.service(5).
type unit struct {
	t       *testing.T
	setting map[string]string
	env     map[string]string
}

func readUnit(t *testing.T) *unit {
	t.Helper()
	text, err := os.ReadFile("../../docs/ctop@.service")
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{t: t, setting: map[string]string{}, env: map[string]string{}}
	_, section, _ := strings.Cut(string(text), "[Service]\n")
	section, _, _ = strings.Cut(section, "\n[")
	for line := range strings.Lines(section) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !ok || strings.HasPrefix(name, "#"):
		case name == "Environment":
			variable, value, _ := strings.Cut(strings.Trim(value, `"`), "=")
			u.env[variable] = value
		default:
			u.setting[name] = value
		}
	}
	// The supervisor below supports only these.
	for name, want := range map[string]string{"Type": "notify", "Restart": "on-failure"} {
		if u.setting[name] != want {
			t.Fatalf("%s is %q: teach the test what that means", name, u.setting[name])
		}
	}
	return u
}

func (u *unit) duration(name string) time.Duration {
	u.t.Helper()
	d, err := time.ParseDuration(u.setting[name])
	if err != nil || d <= 0 {
		u.t.Fatalf("%s: %q: %v", name, u.setting[name], err)
	}
	return d
}

// supervisor starts and stops the service like systemd with its unit, but
// without the unit's sandbox.
type supervisor struct {
	*unit
	s *serving
	// under is a command that runs the service, or nothing.
	under []string
	// run is the current run; next modifies the next one.
	run  *supervised
	next func(*supervised)
	log  *os.File
}

// supervised is one run of the service.
type supervised struct {
	tracee
	told *said
}

func newSupervisor(t *testing.T, s *serving, under ...string) *supervisor {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.state, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	v := &supervisor{unit: readUnit(t), s: s, under: under, log: log}
	v.env["CTOP_INTERFACES"] = s.Client.Port() + " " + s.Server.Port()
	v.env["CTOP_SSH"], v.env["CTOP_METRICS"] = servedAddr, servedMetrics
	v.env["XDG_STATE_HOME"] = s.state // for StateDirectory
	delete(v.env, "CTOP_AUDIT")       // which is there, too
	return v
}

// start starts the service.
func (v *supervisor) start() {
	v.t.Helper()
	path, err := ctopBinary()
	if err != nil {
		v.t.Fatal(err)
	}
	words := strings.Fields(v.setting["ExecStart"])
	line := append(append([]string{}, v.under...), path)
	for _, word := range words[1:] {
		if name, ok := strings.CutPrefix(word, "$"); ok { // is as many words as it has
			line = append(line, strings.Fields(v.env[name])...)
			continue
		}
		line = append(line, word)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stderr = v.log
	r := &supervised{tracee: tracee{cmd: cmd, counts: noticeable}}
	dir, err := os.MkdirTemp(v.s.state, "run")
	if err != nil {
		v.t.Fatal(err)
	}
	socket := filepath.Join(dir, "notify")
	r.told = datagrams(v.t, socket)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC="+micros(v.duration("WatchdogSec")))
	for name, value := range v.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if v.next != nil {
		v.next(r)
		v.next = nil
	}
	v.run = r
	r.start(v.t)
}

func micros(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

// serves waits until the service is ready and forwards, and restarts it after
// each failure. It fails after the given number of failures.
func (v *supervisor) serves(failures int) {
	v.t.Helper()
	for deadline := time.Now().Add(3 * waitTimeout); !v.run.ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("it never serves; the log: %s", v.logged())
		}
		if !v.run.over() {
			continue
		}
		if failures--; failures < 0 || v.run.clean() {
			v.t.Fatalf("it ended with %v and is not to be started again; the log: %s", v.run.status, v.logged())
		}
		time.Sleep(v.duration("RestartSec"))
		v.start()
	}
	v.s.forwards()
}

// stop ends the service like "systemctl stop", and reports whether it needed a
// SIGKILL.
func (v *supervisor) stop() (killed bool) {
	v.t.Helper()
	v.run.signal(unix.SIGTERM)
	select {
	case <-v.run.ended:
	case <-time.After(v.duration("TimeoutStopSec") + waitTimeout): // it is traced, and the machine may be busy
		v.run.signal(unix.SIGKILL)
		<-v.run.ended
		killed = true
	}
	return killed
}

// restart ends the service like "systemctl restart", and starts it.
func (v *supervisor) restart() {
	v.t.Helper()
	v.run.signal(unix.SignalNum(v.setting["RestartKillSignal"]))
	<-v.run.ended
	if !v.run.clean() {
		v.t.Errorf("it ended with %v when it was restarted; the log: %s", v.run.status, v.logged())
	}
	v.start()
	v.serves(0)
}

// stopped stops the service normally.
func (v *supervisor) stopped() {
	v.t.Helper()
	if v.stop() || !v.run.clean() {
		v.t.Errorf("it ended with %v when it was stopped; the log: %s", v.run.status, v.logged())
	}
}

func (v *supervisor) logged() string {
	text, _ := os.ReadFile(v.log.Name())
	return string(text[max(0, len(text)-4096):])
}

// killed kills the current run from outside.
func (v *supervisor) killed() {
	v.run.signal(unix.SIGKILL)
	<-v.run.ended
}

func (r *supervised) ready() bool { return strings.Contains(r.told.String(), "READY=1\n") && !r.over() }

func (r *supervised) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// clean reports whether Restart=on-failure would not restart the service.
func (r *supervised) clean() bool {
	if r.status.Signaled() {
		switch r.status.Signal() {
		case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE:
			return true
		}
		return false
	}
	return r.status.ExitStatus() == 0
}

// A service restarted on failure recovers from everything, and a stopped one
// ends, under a supervisor that follows the unit.
func TestUnitRestarts(t *testing.T) {
	// By default systemd gives up after five starts in ten seconds.
	if u := readUnit(t); 5*u.duration("RestartSec") < 10*time.Second {
		t.Errorf("RestartSec=%s: systemd gives up", u.setting["RestartSec"])
	}
	t.Run("killed", func(t *testing.T) {
		v := newSupervisor(t, newServing(t))
		before := offloads(t, v.s.Lab)
		// Kill it at points of its start, several times in a row, and while it
		// runs.
		for _, call := range []int{20, 45} {
			v.next = func(r *supervised) { r.killAt = call; r.armed.Store(true) }
			v.start()
			v.serves(1)
			v.killed()
		}
		// Kill it while it ends: the operator then starts it again.
		for _, call := range []int{10, 20, 30} {
			v.start()
			v.serves(0)
			v.run.killAt = call
			v.run.armed.Store(true)
			v.stop()
			if !v.run.killed {
				t.Errorf("it ended with %v before it was killed at call %d", v.run.status, call)
			}
		}
		v.start()
		v.serves(0)
		v.stopped()
		checkDetached(t, v.s.Lab)
		if after := offloads(t, v.s.Lab); after != before {
			t.Errorf("offloads are %v, they were %v", after, before)
		}
	})
	t.Run("stopped when ready", func(t *testing.T) {
		v := newSupervisor(t, newServing(t))
		times := 5
		if chaos() {
			times = 60
		}
		for range times {
			v.start()
			for !v.run.ready() && !v.run.over() {
				time.Sleep(100 * time.Microsecond)
			}
			v.stopped()
		}
		checkDetached(t, v.s.Lab)
	})
	t.Run("pins that end with it", func(t *testing.T) {
		s := newServing(t)
		before := offloads(t, s.Lab)
		under, _ := inMiddle(t, s.Lab)
		ip(t, "-n", "middle", "link", "set", "lo", "up")
		v := newSupervisor(t, s, under...)
		v.start()
		v.serves(0)
		v.killed()
		v.serves(1)
		v.stopped()
		if after := offloads(t, s.Lab); after != before {
			t.Errorf("offloads are %v, they were %v", after, before)
		}
	})
	t.Run("pins that are not safe", func(t *testing.T) {
		s := newServing(t)
		before := offloads(t, s.Lab)
		v := newSupervisor(t, s, "unshare", "--mount", "sh", "-c",
			`mount -t bpf -o mode=1777 bpf /sys/fs/bpf && setpriv --reuid 65534 --clear-groups mkdir /sys/fs/bpf/ctop && exec "$0" "$@"`)
		v.start()
		v.serves(0)
		v.killed()
		v.serves(1)
		if !strings.Contains(v.logged(), "without pins") {
			t.Errorf("it does not say that it has no pins: %s", v.logged())
		}
		v.stopped()
		checkDetached(t, s.Lab)
		if after := offloads(t, s.Lab); after != before {
			t.Errorf("offloads are %v, they were %v", after, before)
		}
	})
}
