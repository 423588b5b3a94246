//go:build dist

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// place returns a path below the directory of the script beside this file.
func place(names ...string) string {
	return filepath.Join(append([]string{os.Getenv("CTOP_DIST")}, names...)...)
}

// made returns a file that was made for this kind of machine.
func made(version, extension string) string {
	return place(map[string]string{"1.0.0": "old", "1.0.1": "new"}[version], "ctop_"+version+"_linux_amd64"+extension)
}

// root is a clean Debian, and a lab in whose middle the programs there run.
type root struct {
	*lab.Lab
	t   *testing.T
	ctx context.Context
	dir string
	// clean are the files before anything was installed.
	clean []string
}

func newRoot(t *testing.T) *root {
	t.Helper()
	lab.Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	r := &root{t: t, ctx: ctx, dir: layered(t, place("root"))}
	var err error
	if r.Lab, err = lab.New(ctx, lab.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"/proc", "/sys", "/dev"} {
		at := filepath.Join(r.dir, name)
		if err := unix.Mount(name, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
	r.clean = r.files()
	return r
}

// layered returns a directory that looks like another one, and what is written there goes
// elsewhere.
func layered(t *testing.T, lower string) string {
	t.Helper()
	base := t.TempDir()
	dir := func(name string) string {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	at := dir("root")
	if err := unix.Mount("overlay", at, "overlay", 0, "lowerdir="+lower+",upperdir="+dir("upper")+",workdir="+dir("work")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return at
}

// bookkeeping are files in which package managers write what they did.
var bookkeeping = regexp.MustCompile(`^/(var/log|var/cache|var/lib/(dpkg|rpm|apt))(/|$)`)

// files lists what is in the root, with owners and modes.
func (r *root) files() (list []string) {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, r.dir)
		switch {
		case err != nil:
			return err
		case name == "/proc" || name == "/sys" || name == "/dev" || bookkeeping.MatchString(name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			list = append(list, fmt.Sprint(name, " ", info.Mode()))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// command prepares a command line of the root's shell.
func (r *root) command(line string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, "chroot", r.dir, "/bin/sh", "-c", line)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	return cmd
}

// run runs a command line in the root, which must succeed, and returns what it says.
func (r *root) run(line string) string {
	r.t.Helper()
	out, err := r.command(line).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// says checks the output of a command line.
func (r *root) says(line, want string) {
	r.t.Helper()
	if got := r.run(line); !strings.Contains(got, want) {
		r.t.Errorf("%s: %q, want %q", line, got, want)
	}
}

// bring copies a file into the root's /tmp, and returns its name there.
func (r *root) bring(from string) string {
	r.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		r.t.Fatal(err)
	}
	name := "/tmp/" + filepath.Base(from)
	if err := os.WriteFile(r.dir+name, text, 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = os.Remove(r.dir + name) })
	return name
}

// service is an instance of the unit in the root, started as systemd would, but without
// its sandbox.
type service struct {
	*root
	cmd *exec.Cmd
	log *os.File
}

// unit returns a setting of the installed unit.
func (r *root) unit(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(r.dir + "/usr/lib/systemd/system/ctop@.service")
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return value
		}
	}
	r.t.Fatalf("the unit has no %s", name)
	return ""
}

func (r *root) service() *service {
	r.t.Helper()
	log, err := os.CreateTemp(r.t.TempDir(), "log")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = log.Close() })
	return &service{root: r, log: log}
}

// start starts the instance "wan", and waits until it serves and forwards.
func (s *service) start() {
	s.t.Helper()
	settings := strings.TrimPrefix(strings.ReplaceAll(s.unit("EnvironmentFile"), "%i", "wan"), "-")
	s.cmd = s.command("set -a; . " + settings + "; exec " + s.unit("ExecStart"))
	s.cmd.Env = append(s.cmd.Env, "CTOP_AUDIT=/var/lib/ctop/audit-wan.jsonl")
	s.cmd.Stderr = s.log
	before := strings.Count(s.logged(), "msg=serving")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("it serves", func() bool { return strings.Count(s.logged(), "msg=serving") > before })
	if err := lab.WaitPing(s.ctx, s.Client, s.Server.Addr4()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) logged() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// end ends it with a signal.
func (s *service) end(signal os.Signal) {
	s.t.Helper()
	_ = s.cmd.Process.Signal(signal)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it ended with %v: %s", err, s.logged())
	}
}

func (r *root) eventually(what string, holds func() bool) {
	r.t.Helper()
	for !holds() {
		if r.ctx.Err() != nil {
			r.t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// flow returns the id of the one TCP flow.
func (r *root) flow() string {
	r.t.Helper()
	var dump struct {
		Flows []struct{ ID json.RawMessage }
	}
	text := r.run("ctop --dump -o json --filter tcp 2>/dev/null")
	if err := json.Unmarshal([]byte(text), &dump); err != nil || len(dump.Flows) != 1 {
		r.t.Fatalf("%v: %d flows: %.200s", err, len(dump.Flows), text)
	}
	return string(dump.Flows[0].ID)
}

// settings are the settings of the hosts' interfaces that a tracker may change.
func (r *root) settings() (list []bool) {
	r.t.Helper()
	for _, h := range []*lab.Host{r.Client, r.Server} {
		for _, o := range lab.Offloads() {
			on, err := h.Offload(o)
			if err != nil {
				r.t.Fatal(err)
			}
			list = append(list, on)
		}
	}
	return list
}

// traceless checks that nothing is left of the package and its trackers.
func (r *root) traceless(settings []bool) {
	r.t.Helper()
	if after := r.settings(); !slices.Equal(after, settings) {
		r.t.Errorf("the settings are %v, they were %v", after, settings)
	}
	if _, err := os.Stat("/sys/fs/bpf/ctop"); err == nil {
		r.t.Error("pins are left")
	}
	out, err := exec.CommandContext(r.ctx, "ip", "link", "show", "dev", r.Client.Port()).CombinedOutput()
	if err != nil || strings.Contains(string(out), "xdp") {
		r.t.Errorf("%v: %s", err, out)
	}
	after := r.files()
	for _, f := range after {
		if !slices.Contains(r.clean, f) && !strings.HasPrefix(f, "/tmp/") {
			r.t.Errorf("left: %s", f)
		}
	}
	for _, f := range r.clean {
		if !slices.Contains(after, f) {
			r.t.Errorf("gone: %s", f)
		}
	}
}
