package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ctop/internal/lab"
)

const hubAddress = "127.0.0.1:4222"

// fleetRig is a hub, a tracker that joins it, and an operator and a viewer.
type fleetRig struct {
	*serving
	hub *lab.Cmd
}

func newFleetRig(t *testing.T) *fleetRig {
	t.Helper()
	f := &fleetRig{serving: newServing(t)}
	for _, key := range [][]string{{"host", "edge-1"}, {"operator", "ann"}, {"viewer", "bob"}} {
		f.must("hub", "keys", "add", key[0], key[1], "--write", f.creds(key[1]), "--state", f.hubState())
	}
	f.startHub()
	return f
}

func (f *fleetRig) hubState() string         { return filepath.Join(f.state, "hub") }
func (f *fleetRig) creds(name string) string { return filepath.Join(f.state, name+".creds") }
func (f *fleetRig) as(name string) []string {
	return []string{"--url", hubAddress, "--creds", f.creds(name)}
}

func (f *fleetRig) serveIn(name string) *lab.Cmd {
	return f.command("--fleet", hubAddress, "--creds", f.creds(name))
}

// output runs the program and returns what it prints on both streams.
func (f *fleetRig) output(args ...string) (string, error) {
	cmd := ctop(f.ctx, f.t, args...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+f.state)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (f *fleetRig) must(args ...string) string {
	f.t.Helper()
	out, err := f.output(args...)
	if err != nil {
		f.t.Fatalf("%q: %v: %s", args, err, out)
	}
	return out
}

// soon is must for a question, which is asked again if a busy host answers it too late.
func (f *fleetRig) soon(args ...string) (out string) {
	f.t.Helper()
	f.eventually(strings.Join(args, " "), func() bool {
		var err error
		out, err = f.output(args...)
		return err == nil
	})
	return out
}

// pinged makes a flow, and waits until the fleet has it: what a host says may be of a moment
// ago. It returns the dump.
func (f *fleetRig) pinged() (dump string) {
	f.t.Helper()
	f.eventually("the flow of a ping", func() bool {
		f.forwards()
		dump = f.soon(append([]string{"fleet", "--dump", "-o", "jsonl", "--filter", "on:edge-* proto:icmp"}, f.as("bob")...)...)
		return dump != ""
	})
	return dump
}

func (f *fleetRig) startHub() {
	f.t.Helper()
	f.hub = f.hubAt(hubAddress, f.hubState())
}

// hubAt begins a hub at an address, with a directory.
func (f *fleetRig) hubAt(address, state string, more ...string) *lab.Cmd {
	f.t.Helper()
	hub := ctop(f.ctx, f.t, append([]string{"hub", "--listen", address, "--state", state}, more...)...)
	hub.Env = append(os.Environ(), "XDG_STATE_HOME="+f.state)
	log := &said{}
	hub.Stderr = log
	if err := hub.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if hub.ProcessState == nil {
			_ = hub.Process.Kill()
			_ = hub.Wait()
		}
	})
	f.eventually("the hub serves: "+log.String(), func() bool { return strings.Contains(log.String(), "msg=serving") })
	return hub
}

func (f *fleetRig) killHub() {
	f.t.Helper()
	_ = f.hub.Process.Kill()
	_ = f.hub.Wait()
}

// hosts returns the states of the hosts by their names.
func (f *fleetRig) hosts() map[string]string {
	f.t.Helper()
	out, err := f.output(append([]string{"fleet", "hosts", "-o", "jsonl"}, f.as("bob")...)...)
	if err != nil {
		return nil // the hub is not there yet
	}
	states := map[string]string{}
	for line := range strings.Lines(out) {
		var h struct{ Host, State string }
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			f.t.Fatalf("%v: %s", err, line)
		}
		states[h.Host] = h.State
	}
	return states
}

// A tracker joins a fleet, is shown with its flows, goes on while the hub is gone, comes
// back to it, and says when it leaves.
func TestFleet(t *testing.T) {
	f := newFleetRig(t)
	f.start(f.serveIn("edge-1"))
	f.eventually("the host is there", func() bool { return f.hosts()["edge-1"] == "here" })
	out := f.pinged()
	if n := strings.Count(out, "\n"); n == 0 || strings.Count(out, `"host":"edge-1"`) != n {
		t.Errorf("the dump of the fleet is %q", out)
	}
	table := f.soon(append([]string{"fleet", "--dump"}, f.as("ann")...)...)
	if !strings.HasPrefix(table, "HOST ") || !strings.Contains(table, "\nedge-1  icmp ") {
		t.Errorf("the table of the fleet is %q", table)
	}
	f.killHub()
	f.forwards()
	if out := f.run("dump -o jsonl"); !strings.Contains(out, `"proto":"icmp"`) {
		t.Errorf("without a hub its own dump is %q", out)
	}
	if out, err := f.output(append([]string{"fleet", "hosts"}, f.as("bob")...)...); err == nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, "no server answers") {
		t.Errorf("without a hub: %v: %q", err, out)
	}
	f.startHub()
	f.eventually("the host is there again", func() bool { return f.hosts()["edge-1"] == "here" })
	f.stop()
	f.eventually("the host has left", func() bool { return f.hosts()["edge-1"] == "left" })
	if _ = f.hub.Process.Signal(syscall.SIGTERM); f.hub.Wait() != nil {
		t.Error("the hub does not end well")
	}
}

// An operator's acts reach the host, and are in its journal. A viewer's do not.
func TestFleetActs(t *testing.T) {
	f := newFleetRig(t)
	f.start(f.serveIn("edge-1"))
	f.eventually("the host is there", func() bool { return f.hosts()["edge-1"] == "here" })
	f.pinged()
	out := f.must(append([]string{"fleet", "delete", "--yes", "on:edge-*", "proto:icmp"}, f.as("ann")...)...)
	if !strings.HasPrefix(out, "deleted ") || strings.HasPrefix(out, "deleted 0") {
		t.Errorf("deleting flows says %q", out)
	}
	out = f.must(append([]string{"fleet", "timeouts", "--host", "edge-1", "icmp=7m"}, f.as("ann")...)...)
	if !strings.Contains(out, "30s → 7m") {
		t.Errorf("changing a timeout says %q", out)
	}
	if out := f.run("timeouts -o jsonl"); !strings.Contains(out, `"name":"icmp","timeout_s":420}`) {
		t.Errorf("the host's timeouts are %s", out)
	}
	f.pinged() // without a flow there is nothing to refuse
	if out, err := f.output(append([]string{"fleet", "delete", "--yes", "--all"}, f.as("bob")...)...); err == nil || !strings.Contains(out, "viewer") {
		t.Errorf("a viewer's act: %v: %q", err, out)
	}
	text, err := os.ReadFile(filepath.Join(f.state, "ctop", "fleet-edge-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"state":"intended"`); n != 2 || strings.Count(string(text), `"state":"done"`) != 2 || !strings.Contains(string(text), `"by":"ann"`) {
		t.Errorf("the journal is %s", text)
	}
	f.stop()
}

// The demo of a fleet shows the flows of each of its labs, and leaves nothing.
func TestDemoFleet(t *testing.T) {
	lab.Require(t)
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var missing string
	// A busy machine takes longer to make traffic.
	for _, span := range []string{"1s", "10s", "1m"} {
		cmd := exec.Command(path, "demo", "--fleet", "2", "--dump", "--for", span, "-o", "jsonl")
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		var out []byte
		out, err = cmd.Output()
		missing = ""
		for _, host := range []string{"lab-1", "lab-2"} {
			if !strings.Contains(string(out), `"host":"`+host+`"`) {
				missing = fmt.Sprintf("%s is missing in %s", host, out)
			}
		}
		if missing == "" && err == nil {
			break
		}
		t.Logf("%s is too short: %v", span, err)
	}
	if missing != "" || err != nil {
		t.Error(err, missing)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v: it leaves %v", err, left)
	}
}

// The demo of a pair has its flows at both hosts after they have moved, and leaves nothing,
// also after a kill -9.
func TestDemoPair(t *testing.T) {
	lab.Require(t)
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	environment := append(os.Environ(), "TMPDIR="+dir)
	moved := 0
	// Live flows are told again within five seconds. A busy machine takes longer.
	for _, span := range []string{"24s", "1m", "3m"} {
		cmd := exec.Command(path, "demo", "--pair", "--dump", "--for", span, "-o", "jsonl")
		cmd.Env = environment
		var out []byte
		out, err = cmd.Output()
		if moved = movedFlows(out); moved > 0 && err == nil {
			break
		}
		t.Logf("%s is too short: %v", span, err)
	}
	if moved == 0 || err != nil {
		t.Errorf("%d connections moved from gate-1 to gate-2 under one id: %v", moved, err)
	}
	killed := exec.Command(path, "demo", "--pair", "--dump", "--for", "1h")
	killed.Env = environment
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"/run/netns/server", "/sys/fs/bpf/ctop"} {
		path := "/proc/" + strconv.Itoa(killed.Process.Pid) + "/root" + part
		for end := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(path); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("there is no %s", path)
			}
		}
	}
	_ = killed.Process.Kill()
	_ = killed.Wait() // it was killed
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v: it leaves %v", err, left)
	}
}

// movedFlows counts the connections in a dump of a pair's demo that are gate-2's own now, and
// that gate-1 knows of under the same id.
func movedFlows(dump []byte) (moved int) {
	old := regexp.MustCompile(`(?m)^\{"id":"([0-9a-f]+)","proto":"tcp","state":"ESTABLISHED",.*"dport":22,.*"host":"(gate-[12])"(,"inherited":true)?`)
	hosts := map[string]map[string]bool{}
	for _, m := range old.FindAllStringSubmatch(string(dump), -1) {
		if hosts[m[1]] == nil {
			hosts[m[1]] = map[string]bool{}
		}
		hosts[m[1]][m[2]] = m[3] != ""
	}
	for _, h := range hosts {
		if at, there := h["gate-1"]; there && at && len(h) == 2 && !h["gate-2"] {
			moved++
		}
	}
	return moved
}

// Nothing is attached for credentials that cannot be used.
func TestFleetRefusesCredentials(t *testing.T) {
	f := newFleetRig(t)
	for _, c := range []struct{ what, creds, want string }{
		{"no file", f.creds("nobody"), "ctop hub keys add"},
		{"an operator's", f.creds("ann"), "credentials of operator ann"},
	} {
		out, err := f.output(append([]string{"serve", "--fleet", hubAddress, "--creds", c.creds}, f.interfaces...)...)
		if err == nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v: %q", c.what, err, out)
		}
	}
	if err := os.Chmod(f.creds("bob"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := f.output(append([]string{"fleet", "hosts"}, f.as("bob")...)...); err == nil || !strings.Contains(out, "chmod 600") {
		t.Errorf("credentials that everybody reads: %v: %q", err, out)
	}
	if out, err := f.output("fleet", "--dump", "--url", hubAddress); err == nil || !strings.Contains(out, "--creds") {
		t.Errorf("without credentials: %v: %q", err, out)
	}
}
