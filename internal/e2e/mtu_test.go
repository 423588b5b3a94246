package e2e

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"ctop/internal/lab"
	"ctop/internal/scrape"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// Packets longer than the egress MTU are lost, in every mode. This raises a
// warning, and they are counted as dropped, not as forwarded.
func TestUnequalMTUs(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRigWith(t, lab.Options{Client: lab.HostOptions{MTU: 2500}}, tracker.Options{Mode: mode})
			const warning = "veth1 has a MTU of 2500, veth2 of 1500"
			r.eventually("it says so", func() bool { return r.warns(warning) })
			if notes := strings.Join(r.tracker.Notes(), "\n"); !strings.Contains(notes, warning) {
				t.Errorf("attaching says %q", notes)
			}
			if before := counters(t, r); before.Dropped != 0 {
				t.Errorf("dropped before: %+v", before)
			}
			from, to := udpEnd(t, r, r.Client, 0), udpEnd(t, r, r.Server, 0)
			for range 5 {
				if _, err := from.WriteTo(make([]byte, 2000), to.LocalAddr()); err != nil {
					t.Fatal(err)
				}
			}
			sendTo(t, from, to)
			arrives(t, to)
			r.eventually("the packets are counted", func() bool { return counters(t, r).Dropped == 5 })
			c := counters(t, r)
			if c.Forwarded+c.Dropped != c.Packets {
				t.Errorf("forwarded %d and dropped %d of %d", c.Forwarded, c.Dropped, c.Packets)
			}
			why := flow.DropTooLong
			if mode == flow.ModeTC {
				why = flow.DropOutput // by the device, which does not say why
			}
			if c.DroppedBy[why] != 5 {
				t.Errorf("dropped by %v", c.DroppedBy)
			}
			ip(t, "link", "set", "veth1", "mtu", "1500")
			r.eventually("no warning", func() bool { return len(r.collector.Snapshot().Warnings) == 0 })
			ip(t, "link", "set", "veth2", "mtu", "1400")
			r.eventually("it says so again", func() bool { return r.warns("veth1 has a MTU of 1500, veth2 of 1400") })
			r.stop()
		})
	}
}

// A service says in its health what it warns of, and is healthy all the same.
func TestHealthWarns(t *testing.T) {
	s := newServingWith(t, lab.Options{Client: lab.HostOptions{MTU: 2500}})
	s.start(s.command())
	var text string
	s.eventually("health has the warning", func() bool {
		status, page, err := scrape.Page(servedMetrics, "/healthz")
		text = page
		return err == nil && status == http.StatusOK && strings.Contains(text, "veth1 has a MTU of 2500, veth2 of 1500")
	})
	if !strings.HasPrefix(text, "ok\n") {
		t.Errorf("health is %q", text)
	}
	s.stop()
}

// arrives waits for the datagram that sendTo sends.
func arrives(t *testing.T, at net.PacketConn) {
	t.Helper()
	if err := at.SetReadDeadline(time.Now().Add(waitTimeout)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := at.ReadFrom(make([]byte, 4096)); err != nil || n != len("one way") {
		t.Errorf("%d bytes arrive: %v", n, err)
	}
}

// Counting continues after a kill, and no counting program is left at the end.
func TestDropsAreCountedWithoutAnOwner(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Client: lab.HostOptions{MTU: 2500}})
	cmd := started(ctx, t, l)
	programs := loadedCounters(t)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	from, err := l.Client.ListenPacket(ctx, "udp4", l.Client.Addr4().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for range 5 {
		if _, err := from.WriteTo(make([]byte, 2000), &net.UDPAddr{IP: l.Server.Addr4().AsSlice(), Port: 9}); err != nil {
			t.Fatal(err)
		}
	}
	dump := []string{"--dump", "-o", "json", "--for", "0s"}
	for deadline := time.Now().Add(waitTimeout); ; {
		o := runUnder(ctx, t, nil, dump...)
		if strings.Contains(o.stdout, `"too_long": 5`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s%s", o.stdout, o.stderr)
		}
	}
	if o := runUnder(ctx, t, nil, "down", l.Client.Port(), l.Server.Port()); o.status != 0 {
		t.Errorf("down: %q", o.stderr)
	}
	checkDetached(t, l)
	for deadline := time.Now().Add(waitTimeout); slices.ContainsFunc(programs, isLoaded); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("of the programs %v that counted some are loaded", programs)
		}
	}
}

func isLoaded(id ebpf.ProgramID) bool {
	p, err := ebpf.NewProgramFromID(id)
	if err == nil {
		_ = p.Close()
	}
	return !errors.Is(err, os.ErrNotExist)
}

// loadedCounters returns the programs that count dropped redirects, for the trackers that
// are pinned here: their tracepoint is the machine's, and concurrent tests have others.
func loadedCounters(t *testing.T) (found []ebpf.ProgramID) {
	t.Helper()
	ours := pinnedMaps(t)
	defer func() {
		if len(found) == 0 {
			t.Fatal("no program counts dropped redirects")
		}
	}()
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it has gone
		}
		if info, err := p.Info(); err == nil && info.Name == "ctop_unsent" {
			maps, _ := info.MapIDs()
			if slices.ContainsFunc(maps, func(m ebpf.MapID) bool { return ours[m] }) {
				found = append(found, id)
			}
		}
		_ = p.Close()
	}
}

// pinnedMaps returns the maps of the trackers that are pinned here.
func pinnedMaps(t *testing.T) map[ebpf.MapID]bool {
	t.Helper()
	pins, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[ebpf.MapID]bool{}
	for _, pin := range pins {
		m, err := ebpf.LoadPinnedMap(pin, &ebpf.LoadPinOptions{ReadOnly: true})
		if err != nil {
			continue // a program or a link
		}
		if info, err := m.Info(); err == nil {
			id, _ := info.ID()
			ids[id] = true
		}
		_ = m.Close()
	}
	return ids
}
