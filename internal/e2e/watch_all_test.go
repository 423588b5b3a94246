package e2e

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
)

// A tracker that watches all interfaces follows them as they come and go, but for those
// that are left out. It is joined by any of them, survives a kill, and is named "all".
func TestWatchAll(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	r := &rig{Lab: l, t: t, ctx: ctx}
	left, port := l.Client.Port(), l.Server.Port()
	start := func(command ...string) (*lab.Cmd, *said) {
		cmd, out := ctop(ctx, t, append(command, "--watch", "--except", left, "--except", "x*", "all")...), new(said)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitWatched(ctx, t, "all")
		return cmd, out
	}
	ping := func(to netip.Addr) {
		t.Helper()
		if err := lab.WaitPing(ctx, l.Client, to); err != nil {
			t.Fatal(err)
		}
	}
	cmd, out := start("events", "-o", "jsonl")
	r.await("events at the server's port", func() bool {
		ping(l.Server.Addr4()) // it may not listen yet
		return strings.Contains(out.String(), `"in":"`+port+`","dir":"out"`)
	})
	if text := out.String(); strings.Contains(text, `"in":"`+left+`"`) {
		t.Errorf("%s was left out:\n%s", left, text)
	}
	if names := watchedNames(t, r, "all"); !slices.Contains(names, "lo") || !slices.Contains(names, port) || slices.Contains(names, left) {
		t.Errorf("watched are %v", names)
	}
	// One comes.
	third, err := l.AddHost(ctx, lab.HostOptions{Name: "third", Port: "veth3", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.3/24")}})
	if err != nil {
		t.Fatal(err)
	}
	r.await("the new interface is watched", func() bool { return slices.Contains(watchedNames(t, r, "all"), "veth3") })
	r.await("events at the new interface", func() bool {
		ping(third.Addr4())
		return strings.Contains(out.String(), `"in":"veth3"`)
	})
	dump, err := ctop(ctx, t, "--dump", "-o", "jsonl", "--filter", "if:veth3", "veth3").Output()
	if err != nil || !strings.Contains(string(dump), `"in":"veth3"`) {
		t.Errorf("joined by the new interface: %v: %s", err, dump)
	}
	// One that is left out by its pattern comes, and the new one goes.
	for _, args := range [][]string{{"link", "add", "x1", "type", "veth", "peer", "name", "x2"}, {"link", "set", "x1", "up"}, {"link", "del", "veth3"}} {
		if text, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, text)
		}
	}
	r.await("the new interface is gone", func() bool { return !slices.Contains(watchedNames(t, r, "all"), "veth3") })
	if names := watchedNames(t, r, "all"); slices.Contains(names, "x1") {
		t.Errorf("watched are %v", names)
	}
	if text, err := exec.CommandContext(ctx, "ip", "link", "del", "x1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	cmd, out = start("serve") // which takes it over
	if _, err := l.AddHost(ctx, lab.HostOptions{Name: "fourth", Port: "veth4", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.4/24")}}); err != nil {
		t.Fatal(err)
	}
	r.await("it follows after a kill", func() bool { return slices.Contains(watchedNames(t, r, port), "veth4") })
	if text, err := ctop(ctx, t, "down", port).CombinedOutput(); err == nil || !strings.Contains(string(text), "ctop down all") {
		t.Errorf("down %s: %v: %s", port, err, text)
	}
	if text, err := ctop(ctx, t, "down", "all").CombinedOutput(); err != nil || len(text) > 0 {
		t.Errorf("down: %v: %s", err, text)
	}
	_ = cmd.Wait()
	if text := out.String(); strings.Contains(text, "panic") || strings.Contains(text, "not watched") {
		t.Error(text)
	}
	checkDetached(t, l)
}

// await is eventually, without a tracker of this process.
func (r *rig) await(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(waitTimeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

// watchedNames returns the interfaces that a tracker watches and that are there. It must
// not warn of anything.
func watchedNames(t *testing.T, r *rig, at string) (names []string) {
	t.Helper()
	text, err := ctop(r.ctx, t, "--dump", "-o", "json", "--for", "0s", at).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var d struct {
		Tracker struct {
			Interfaces []struct{ Name, Role string }
			Warnings   []string
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Tracker.Warnings) > 0 {
		t.Errorf("warnings: %v", d.Tracker.Warnings)
	}
	for _, i := range d.Tracker.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

// With enforce, an interface that comes later and carries the operator's SSH session is not
// watched, as it would not have been from the beginning, unless that is forced.
func TestWatchAllSparesSession(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	r := &rig{Lab: l, t: t, ctx: ctx}
	come := func(name, address string) {
		t.Helper()
		for _, line := range []string{
			"link add " + name + " type veth peer name " + name + "p", "address add " + address + " dev " + name, "link set " + name + "p up", "link set " + name + " up",
		} {
			ip(t, strings.Fields(line)...)
		}
	}
	for _, force := range []bool{false, true} {
		args := []string{"serve", "--watch", "--policy", "enforce", "--except", "*p", "all"}
		if force {
			args = append(args, "--force")
		}
		cmd, out := ctop(ctx, t, args...), new(said)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.Env = append(os.Environ(), "SSH_CONNECTION=192.0.2.9 50000 192.0.2.1 22")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitWatched(ctx, t, "all")
		come("own", "192.0.2.1/24")
		come("other", "198.51.100.1/24")
		r.await("the other one is watched", func() bool { return strings.Contains(out.String(), "other came and is watched, too") })
		if force {
			r.await("it is watched if forced", func() bool { return strings.Contains(out.String(), "own came and is watched, too") })
		} else {
			r.await("it says why", func() bool { return strings.Contains(out.String(), "own is not watched: ") })
			if names := watchedNames(t, r, "all"); slices.Contains(names, "own") || !slices.Contains(names, "other") {
				t.Errorf("watched are %v", names)
			}
			ip(t, "address", "del", "192.0.2.1/24", "dev", "own") // the session has gone elsewhere
			r.await("it is watched afterwards", func() bool { return strings.Contains(out.String(), "own came and is watched, too") })
		}
		if text, err := ctop(ctx, t, "down", "all").CombinedOutput(); err != nil {
			t.Errorf("down: %v: %s", err, text)
		}
		_ = cmd.Wait()
		ip(t, "link", "del", "own")
		ip(t, "link", "del", "other")
	}
	checkDetached(t, l)
}
