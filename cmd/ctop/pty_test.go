package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// terminal is a real one with a shell in it, in which ctop is to be had, and a
// recording in its directory.
type terminal struct {
	t    *testing.T
	dir  string
	tty  *os.File
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// inTerminal runs a shell's command line, or a shell with job control where there
// is none.
func inTerminal(t *testing.T, columns, rows int, line string) *terminal {
	t.Helper()
	x := &terminal{t: t, dir: t.TempDir(), done: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ctop", "panics", "forgets"} {
		if err := os.Symlink(self, filepath.Join(x.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	x.record()
	args := []string{"--norc", "--noprofile", "-i"}
	if line != "" {
		args = []string{"-c", line}
	}
	x.cmd = exec.Command("bash", args...)
	x.cmd.Dir = x.dir
	x.cmd.Env = []string{
		"PATH=" + x.dir + ":" + os.Getenv("PATH"), "TERM=xterm", "PS1=ready> ", "LC_ALL=C.UTF-8",
		"XDG_STATE_HOME=" + filepath.Join(x.dir, "state"), "XDG_CONFIG_HOME=" + filepath.Join(x.dir, "config"), "HOME=" + x.dir,
	}
	if x.tty, err = pty.StartWithSize(x.cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
	go x.read()
	t.Cleanup(x.end)
	return x
}

// record writes recording.ctop.
func (x *terminal) record() {
	x.t.Helper()
	x.write("recording.ctop", snapshotOf(time.Now(), "10.11.12.13", 300))
}

func (x *terminal) write(name string, snapshots ...*flow.Snapshot) {
	x.t.Helper()
	f, err := os.Create(filepath.Join(x.dir, name))
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w, err := recording.NewWriter(f)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, s := range snapshots {
		if err := w.Snapshot(s); err != nil {
			x.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		x.t.Fatal(err)
	}
}

// snapshotOf has n questions of a host.
func snapshotOf(at time.Time, host string, n int) *flow.Snapshot {
	s := &flow.Snapshot{Time: at, Host: "edge", MaxFlows: 1000}
	s.Interfaces = []flow.Interface{{Name: "left", Up: true}, {Name: "right", Up: true}}
	for i := range n {
		s.Flows = append(s.Flows, flow.Flow{
			ID: flow.ID(i + 1), State: flow.StateEstablished, Timeout: time.Hour, Age: time.Minute,
			Tuple: flow.Tuple{
				Proto: flow.ProtocolUDP,
				Src:   flow.EndFrom(netip.MustParseAddr(host), uint16(1000+i)),
				Dst:   flow.MustParseEnd("10.11.12.14:53"),
			},
		})
	}
	return s
}

func (x *terminal) read() {
	defer close(x.done)
	b := make([]byte, 4096)
	for {
		n, err := x.tty.Read(b)
		x.mu.Lock()
		x.out.Write(b[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) end() {
	_ = x.cmd.Process.Kill()
	_ = x.tty.Close()
	_ = x.cmd.Wait()
	<-x.done
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String()
}

// expect waits for a pattern in what comes after the first n bytes, and returns
// how many there are by then.
func (x *terminal) expect(n int, pattern string) int {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(5 * time.Millisecond) {
		text := x.text()
		if re.MatchString(text[n:]) {
			return len(text)
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("never came: %s; there is %q", pattern, tail(text[n:]))
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

func (x *terminal) send(keys string) {
	x.t.Helper()
	if _, err := x.tty.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) resize(columns, rows int) {
	x.t.Helper()
	if err := pty.Setsize(x.tty, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		x.t.Fatal(err)
	}
}

const (
	enters = `\x1b\[\?1049h`
	leaves = `\x1b\[\?1049l`
	// commandLine prints whether the terminal is unchanged.
	commandLine = `stty -a | tail -n +2 >before; ctop replay --theme dark recording.ctop; echo status $?; stty -a | tail -n +2 >after; cmp before after && echo as it was`
)

// left expects the console to have ended, and the terminal to be as it was.
func (x *terminal) left(n int) {
	x.t.Helper()
	x.expect(n, `(?s)`+leaves+`.*status 0\r\n.*as it was\r\n`)
	for _, bad := range []string{"panic", "goroutine"} {
		if strings.Contains(x.text(), bad) {
			x.t.Errorf("%s: %q", bad, tail(x.text()))
		}
	}
}

// TestTerminalSizes has terminals of one cell and of very many.
func TestTerminalSizes(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 50}, {3, 3}, {40, 10}, {80, 24}, {500, 200}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			x := inTerminal(t, size[0], size[1], commandLine)
			x.expect(0, enters)
			x.send("jkG2345?\x03")
			x.left(0)
		})
	}
}

// TestDumbTerminal prints lines where nothing can be drawn.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	x := inTerminal(t, 80, 24, "export TERM=dumb; ctop replay recording.ctop; echo status $?")
	x.expect(0, `(?s)PROTO +ORIGIN.*10\.11\.12\.13.*status 0`)
	if text := x.text(); strings.Contains(text, "\x1b") {
		t.Errorf("escape sequences: %q", tail(text))
	}
}

// TestResizeStorm changes the size all the time, and sends SIGWINCH for nothing.
func TestResizeStorm(t *testing.T) {
	x := inTerminal(t, 80, 24, commandLine)
	x.expect(0, `10\.11\.12\.13`)
	pid := x.ctop()
	for i := range 300 {
		x.resize(1+rand.IntN(200), 1+rand.IntN(80))
		_ = unix.Kill(pid, unix.SIGWINCH)
		if i%10 == 0 {
			x.send("j5321\t")
		}
	}
	n := len(x.text())
	x.resize(120, 30)
	x.send("1")
	n = x.expect(n, `1 Flows`) - 1
	x.send("q")
	x.left(n)
}

// ctop returns the process that runs in the terminal.
func (x *terminal) ctop() int {
	x.t.Helper()
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", x.cmd.Process.Pid))
		for _, path := range paths {
			text, _ := os.ReadFile(path)
			var pid int
			if _, err := fmt.Sscan(string(text), &pid); err == nil {
				return pid
			}
		}
	}
	x.t.Fatal("ctop does not run")
	return 0
}

// TestSignalsInTerminal ends the console from outside.
func TestSignalsInTerminal(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			x := inTerminal(t, 80, 24, commandLine)
			x.expect(0, `10\.11\.12\.13`)
			if err := unix.Kill(x.ctop(), signal); err != nil {
				t.Fatal(err)
			}
			x.left(0)
		})
	}
}

// TestTerminalGoes takes the terminal away from a console that no signal reaches,
// since the terminal does not control it.
func TestTerminalGoes(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, dir: t.TempDir(), tty: master}
	x.resize(80, 24)
	x.record()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x.cmd = &exec.Cmd{
		Path: self, Args: []string{"ctop", "replay", "--theme", "dark", "recording.ctop"},
		Dir: x.dir, Env: []string{"TERM=xterm", "HOME=" + x.dir},
		Stdin: slave, Stdout: slave, Stderr: slave, SysProcAttr: &unix.SysProcAttr{Setsid: true},
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	// Nobody may be reading when it is closed: it would stay open.
	for drawn := []byte{}; !bytes.Contains(drawn, []byte("10.11.12.13")); {
		b := make([]byte, 4096)
		n, err := master.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		drawn = append(drawn, b[:n]...)
	}
	_ = master.Close()
	ended := make(chan struct{})
	go func() {
		_ = x.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(waitTimeout):
		_ = x.cmd.Process.Kill()
		t.Error("still there without its terminal")
	}
}

// TestSuspend stops the console by its key and by a signal, and goes on with it.
func TestSuspend(t *testing.T) {
	x := inTerminal(t, 80, 24, "")
	n := x.expect(0, `ready> $`)
	x.send("stty -a | tail -n +2 >before\n")
	n = x.expect(n, `ready> $`)
	x.send("ctop replay --theme dark recording.ctop\n")
	n = x.expect(n, `10\.11\.12\.13`)
	x.send("?")
	n = x.expect(n, `everything about the flow`)
	x.send("\x06")
	n = x.expect(n, `Ctrl-Z.*suspend`)
	x.send("?")
	n = x.expect(n, `10\.11\.12\.13`)
	for _, suspend := range []func(){
		func() { x.send("\x1a") },
		func() { _ = unix.Kill(x.ctop(), unix.SIGTSTP) },
		func() { x.send("\x1a") },
	} {
		suspend()
		n = x.expect(n, `(?s)`+leaves+`.*Stopped.*ready> $`)
		x.send("stty -a | tail -n +2 >stopped; cmp before stopped && echo as 'it was'\n")
		n = x.expect(n, `as it was\r\n(.|\n)*ready> $`)
		x.send("fg\n")
		n = x.expect(n, `(?s)`+enters+`.*10\.11\.12\.13`)
	}
	x.send("q")
	n = x.expect(n, `(?s)`+leaves+`.*ready> $`)
	x.send("stty -a | tail -n +2 >after; cmp before after && echo as 'it was'\n")
	x.expect(n, `as it was\r\n`)
}

// TestSuspendInSubshell has a shell between the console and the one that resumes both.
func TestSuspendInSubshell(t *testing.T) {
	x := inTerminal(t, 80, 24, "")
	n := x.expect(0, `ready> $`)
	x.send("(ctop replay --theme dark recording.ctop; true)\n")
	n = x.expect(n, `10\.11\.12\.13`)
	x.send("\x1a")
	n = x.expect(n, `(?s)`+leaves+`.*Stopped.*ready> $`)
	x.send("fg\n")
	n = x.expect(n, `(?s)`+enters+`.*10\.11\.12\.13`)
	x.send("q")
	x.expect(n, `(?s)`+leaves+`.*ready> $`)
}

// TestNobodyToResume has nobody there who could go on with a console that
// stopped: it does not stop.
func TestNobodyToResume(t *testing.T) {
	x := inTerminal(t, 80, 24, "exec ctop replay --theme dark recording.ctop")
	n := x.expect(0, `10\.11\.12\.13`)
	x.send("\x1a")
	_ = unix.Kill(x.cmd.Process.Pid, unix.SIGTSTP)
	x.send("2")
	n = x.expect(n, `\[2 Events`)
	x.send("?\x06")
	n = x.expect(n, `Ctrl-C`)
	x.send("?q")
	x.expect(n, leaves)
	if strings.Contains(x.text(), "Ctrl-Z") {
		t.Error("the help has a key that does nothing here")
	}
}
