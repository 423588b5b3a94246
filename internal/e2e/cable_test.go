package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cilium/ebpf/link"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// The cable is unplugged and plugged in: the tracker reports it, attaches
// again, forwards, and keeps its flows.
func TestCable(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode})
			r.connect(r.Server.Addr4())
			id := r.flow("tcp", flow.StateEstablished).ID
			if err := r.Unplug(r.Server); err != nil {
				t.Fatal(err)
			}
			gone := r.Server.Port() + " gone"
			r.eventually(gone, func() bool { return slices.Contains(r.collector.Snapshot().Warnings.Sentences(), gone) })
			r.replug()
			r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			r.eventually("a ping", func() bool {
				ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
				defer cancel()
				_, err := lab.Ping(ctx, r.Client, r.Server.Addr4())
				return err == nil
			})
			if f := r.flow("tcp", flow.StateEstablished); f.ID != id {
				t.Errorf("the flow is %v, it was %v", f.ID, id)
			}
			r.stop()
			checkDetached(t, r.Lab)
		})
	}
}

// After other changes of an interface, too, the tracker is back in service with
// its flows. tc mode only with CTOP_CHAOS.
func TestInterfaces(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(t *testing.T, r *rig)
	}{
		{"renamed", func(t *testing.T, r *rig) {
			ip(t, "link", "set", r.Server.Port(), "down")
			ip(t, "link", "set", r.Server.Port(), "name", "renamed")
			ip(t, "link", "set", "renamed", "up")
			t.Cleanup(func() {
				ip(t, "link", "set", "renamed", "down")
				ip(t, "link", "set", "renamed", "name", r.Server.Port())
			})
		}},
		{"in another namespace and back", func(t *testing.T, r *rig) {
			home := thisNamespace(t)
			ip(t, "link", "set", r.Server.Port(), "netns", r.Client.Name())
			gone := r.Server.Port() + " gone"
			r.eventually(gone, func() bool { return slices.Contains(r.collector.Snapshot().Warnings.Sentences(), gone) })
			ip(t, "-n", r.Client.Name(), "link", "set", r.Server.Port(), "netns", home)
			ip(t, "link", "set", r.Server.Port(), "up")
		}},
		{"another MTU", func(t *testing.T, r *rig) {
			for _, mtu := range []string{"9000", "1400"} {
				ip(t, "link", "set", r.Server.Port(), "mtu", mtu)
				ip(t, "link", "set", r.Client.Port(), "mtu", mtu)
			}
		}},
		{"detached by force", func(t *testing.T, _ *rig) {
			paths, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/link1")
			if err != nil || len(paths) != 1 {
				t.Fatalf("pinned: %v, %v", paths, err)
			}
			l, err := link.LoadPinnedLink(paths[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Detach(); err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		}},
	} {
		for _, mode := range modes {
			if mode != flow.ModeNative && !chaos() {
				continue
			}
			t.Run(c.name+"/"+mode.String(), func(t *testing.T) {
				r := newRig(t, tracker.Options{Mode: mode})
				client, server := r.connect(r.Server.Addr4())
				id := r.flow("tcp", flow.StateEstablished).ID
				c.harm(t, r)
				r.eventually("a connection that is tracked", func() bool {
					before := r.flow("tcp", flow.StateEstablished)
					say(t, client, server, "hello")
					say(t, server, client, "hello")
					after := r.flow("tcp", flow.StateEstablished)
					return after.Reply.Packets > before.Reply.Packets && after.Origin.Packets > before.Origin.Packets
				})
				if f := r.flow("tcp", flow.StateEstablished); f.ID != id {
					t.Errorf("the flow is %v, it was %v", f.ID, id)
				}
				r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
				r.stop()
			})
		}
	}
}

// thisNamespace returns a path to the network namespace that works in other
// processes, too.
func thisNamespace(t *testing.T) string {
	t.Helper()
	// The threads of this process come and go, and enter other namespaces.
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = home.Close() })
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), home.Fd())
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}
