package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ctop/internal/lab"
	"ctop/internal/tmux"
)

// fleetOfTwo is a fleet of two hosts, each a tracker between the hosts of a lab of its own.
type fleetOfTwo struct {
	*fleetRig
	labs []*lab.Lab
}

func newFleetOfTwo(t *testing.T) *fleetOfTwo {
	t.Helper()
	f := &fleetOfTwo{fleetRig: newFleetRig(t)}
	f.must("hub", "keys", "add", "host", "edge-2", "--write", f.creds("edge-2"), "--state", f.hubState())
	addrs := func(a string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(a)} }
	second, err := lab.New(f.ctx, lab.Options{
		Client: lab.HostOptions{Name: "client2", Port: "veth3", Addrs: addrs("10.0.9.1/24")},
		Server: lab.HostOptions{Name: "server2", Port: "veth4", Addrs: addrs("10.0.9.2/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	f.labs = []*lab.Lab{f.Lab, second}
	f.start(f.serveIn("edge-1"))
	other := newServingIn(f.ctx, t, second)
	cmd := ctop(f.ctx, t, "serve", "--ssh", "127.0.0.1:2223", "--metrics", "127.0.0.1:9478",
		"--fleet", hubAddress, "--creds", f.creds("edge-2"), second.Client.Port(), second.Server.Port())
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+other.state)
	other.start(cmd)
	t.Cleanup(func() {
		other.stop()
		f.stop()
	})
	f.eventually("the second host is there", func() bool {
		f.talk()
		hosts := f.hosts()
		return hosts["edge-1"] == "here" && hosts["edge-2"] == "here"
	})
	return f
}

// talk makes flows at both hosts. A tracker that is not attached yet forwards nothing.
func (f *fleetOfTwo) talk() {
	for _, l := range f.labs {
		ctx, cancel := context.WithTimeout(f.ctx, waitTimeout/10)
		_ = lab.WaitPing(ctx, l.Client, l.Server.Addr4()) // whoever waits for the flow tries again
		cancel()
	}
}

// The console of a fleet, in a terminal, has on each page what both hosts have.
func TestFleetConsole(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is missing: apt-get install tmux")
	}
	f := newFleetOfTwo(t)
	path, err := ctopBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	x, err := tmux.Start(f.ctx, tmux.Options{
		Width: 140, Height: 30, Dir: dir, Command: append([]string{path, "fleet"}, f.as("ann")...),
		Env: []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_STATE_HOME=" + dir, "NO_COLOR="},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	press := func(keys ...string) {
		t.Helper()
		if err := x.Press(f.ctx, keys...); err != nil {
			t.Fatal(err)
		}
	}
	// shows waits for a screen with a line for each host, while there is something to see.
	shows := func(page string, lines ...[]string) {
		t.Helper()
		var screen string
		f.eventually(page, func() bool {
			now, err := x.Screen(f.ctx)
			if err != nil {
				t.Fatal(err)
			}
			screen = now
			if strings.Contains(screen, page) && hasLines(screen, lines) {
				return true
			}
			f.talk()
			return false
		})
	}
	shows("1 Flows]", []string{"edge-1", "icmp"}, []string{"edge-2", "icmp"})
	press("2")
	shows("2 Events]", []string{"edge-1", "new", "icmp"}, []string{"edge-2", "new", "icmp", "10.0.9.1"})
	press("3")
	shows("3 Talkers]", []string{f.Client.Addr4().String()}, []string{"10.0.9.1"})
	press("4")
	shows("4 Overview]", []string{"hosts here", "2 of 2"}, []string{"edge-1", "b/s"}, []string{"edge-2", "b/s"})
	press("5")
	shows("5 Timeouts]", []string{"icmp", "all hosts"})
	press("End", "Up", "Enter", "9s", "Enter")
	shows("at 2 hosts?")
	press("y")
	shows("5 Timeouts]", []string{"icmp", " 9s ", "all hosts"})
	press("6")
	shows("Hosts]", []string{"edge-1", "here"}, []string{"edge-2", "here"})
	press("q")
	f.eventually("it ends", func() bool {
		status, ended, err := x.Ended(f.ctx)
		return err == nil && ended && status == 0
	})
}

// hasLines reports whether a screen has a line with all of some words, for each of some lists.
func hasLines(screen string, lines [][]string) bool {
	for _, words := range lines {
		found := false
		for line := range strings.Lines(screen) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			found = found || all
		}
		if !found {
			return false
		}
	}
	return true
}

// The events of a fleet are those of the hosts that the filter selects, each with its host.
func TestFleetEvents(t *testing.T) {
	f := newFleetOfTwo(t)
	for _, c := range []struct {
		filter string
		want   []string
	}{{"icmp", []string{"edge-1", "edge-2"}}, {"on:*-2", []string{"edge-2"}}} {
		cmd := ctop(f.ctx, t, append([]string{"fleet", "events", "-o", "jsonl", "--filter", c.filter}, f.as("bob")...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		hosts := make(chan string, 1000)
		go func() {
			defer close(hosts)
			for lines := bufio.NewScanner(out); lines.Scan(); {
				var e struct{ Event, Host, Proto string }
				if json.Unmarshal(lines.Bytes(), &e) != nil || e.Event != "lost" && e.Proto != "icmp" {
					e.Host = lines.Text()
				}
				hosts <- e.Host
			}
		}()
		seen := map[string]bool{}
		f.eventually("events of "+strings.Join(c.want, ", "), func() bool {
			f.talk()
			for len(hosts) > 0 {
				seen[<-hosts] = true
			}
			return len(seen) >= len(c.want)
		})
		for _, want := range c.want {
			if !seen[want] || len(seen) != len(c.want) {
				t.Errorf("%q has events of %v", c.filter, seen)
			}
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
}
