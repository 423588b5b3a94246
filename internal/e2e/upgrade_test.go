package e2e

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// A newer version takes over a tracker under load and replaces its programs
// between two packets. No packet and no flow is lost, and counters and settings
// stay.
func TestUpgrade(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, tracker.Options{Mode: mode, Keep: true})
			client, server := r.connect(r.Server.Addr4())
			if _, err := r.tracker.Act(r.ctx, flow.TimeoutChange(flow.TCPEstablished, time.Hour)); err != nil {
				t.Fatal(err)
			}
			id := r.flow("tcp", flow.StateEstablished).ID
			e := startEchoes(r.ctx, t, r.Lab)
			r.eventually("an echo", func() bool { return e.back.Load() > 100 })
			var counted uint64
			for range 3 {
				before := programs(t)
				r.stop()
				makeForeign(t, "programs", `"programs":"`)
				r.open(tracker.Options{})
				after := programs(t)
				if !r.tracker.Joined() {
					t.Fatal("it started again")
				}
				for i := range after {
					if after[i] == before[i] {
						t.Errorf("program %d goes on", after[i])
					}
				}
				f := r.flow("tcp", flow.StateEstablished)
				s, err := r.tracker.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if f.ID != id || f.Timeout != time.Hour || s.Counters.Packets < counted {
					t.Errorf("flow %v, it was %v; timeout %v; %d packets, they were %d", f.ID, id, f.Timeout, s.Counters.Packets, counted)
				}
				counted = s.Counters.Packets
				say(t, client, server, "hello")
			}
			sent, back := e.stop()
			t.Logf("%d packets sent, %d came back", sent, back)
			if sent != back {
				t.Errorf("%d packets were lost", sent-back)
			}
			sumsHold(t, r)
			r.stop()
			if err := tracker.Down(r.ctx, r.Client.Port(), r.Server.Port()); err != nil {
				t.Fatal(err)
			}
			checkDetached(t, r.Lab)
		})
	}
}

// A ctop that joined a tracker of another version exchanges the programs once
// it becomes the owner, while its collector runs.
func TestUpgradeByHeir(t *testing.T) {
	r := newRig(t, tracker.Options{})
	client, server := r.connect(r.Server.Addr4())
	id := r.flow("tcp", flow.StateEstablished).ID
	makeForeign(t, "programs", `"programs":"`)
	heir := &rig{Lab: r.Lab, t: t, ctx: r.ctx}
	heir.open(tracker.Options{})
	before := programs(t)
	time.Sleep(300 * time.Millisecond) // it takes nothing from a living owner
	if after := programs(t); after != before {
		t.Errorf("programs %v became %v under their owner", before, after)
	}
	r.stop()
	heir.eventually("programs of its own", func() bool {
		after := programs(t)
		return after[0] != before[0] && after[1] != before[1]
	})
	say(t, client, server, "hello")
	if f := heir.flow("tcp", flow.StateEstablished); f.ID != id {
		t.Errorf("the flow is %v, it was %v", f.ID, id)
	}
	heir.eventually("no warning", func() bool { return len(heir.collector.Snapshot().Warnings) == 0 })
	heir.stop()
	checkDetached(t, r.Lab)
}

// A tracker of another version with another layout of maps continues
// forwarding, and a new ctop says what to do.
func TestUpgradeOfAnotherLayout(t *testing.T) {
	r := newRig(t, tracker.Options{Keep: true})
	r.stop()
	makeForeign(t, "layout", `"key":4`)
	pair := []string{r.Client.Port(), r.Server.Port()}
	_, err := tracker.Open(r.ctx, tracker.Options{Interfaces: pair})
	if err == nil {
		t.Fatal("it was taken over")
	}
	for _, want := range []string{"continues forwarding", `"ctop down ` + strings.Join(pair, " ") + `"`} {
		if !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if _, err := lab.Ping(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Error(err)
	}
	if err := tracker.Down(r.ctx, pair[0], pair[1]); err != nil {
		t.Fatal(err)
	}
	checkDetached(t, r.Lab)
}

// makeForeign changes a character right after a text in the description of the
// only pinned tracker, as if another version had written it.
func makeForeign(t *testing.T, what, text string) {
	t.Helper()
	paths, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/meta")
	if err != nil || len(paths) != 1 {
		t.Fatalf("pinned: %v, %v", paths, err)
	}
	m, err := ebpf.LoadPinnedMap(paths[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	value := make([]byte, m.ValueSize())
	if err := m.Lookup(uint32(0), &value); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(value, []byte(text))
	if at < 0 {
		t.Fatalf("%s: %s has no %s", what, value, text)
	}
	at += len(text)
	value[at] = '0' + (value[at]+1)%8
	if err := m.Put(uint32(0), value); err != nil {
		t.Fatal(err)
	}
}

// programs returns the programs attached to both ports.
func programs(t *testing.T) (ids [2]ebpf.ProgramID) {
	t.Helper()
	paths, err := filepath.Glob("/sys/fs/bpf/ctop/*/*/link[01]")
	if err != nil || len(paths) != 2 {
		t.Fatalf("pinned: %v, %v", paths, err)
	}
	for i, path := range paths {
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := l.Info()
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = info.Program
		_ = l.Close()
	}
	return ids
}

// echoes are packets that the client sends at a pace, and the server sends
// back.
type echoes struct {
	client net.PacketConn
	back   atomic.Int64
	ended  chan struct{}
	halt   context.CancelFunc
	sent   chan int64
}

func startEchoes(ctx context.Context, t *testing.T, l *lab.Lab) *echoes {
	t.Helper()
	server, err := l.Server.ListenPacket(ctx, "udp", net.JoinHostPort(l.Server.Addr4().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client, err := l.Client.ListenPacket(ctx, "udp", net.JoinHostPort(l.Client.Addr4().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	e := &echoes{client: client, ended: make(chan struct{}), sent: make(chan int64, 1)}
	for _, c := range []net.PacketConn{server, client} {
		if err := c.(*net.UDPConn).SetReadBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
	}
	go answer(server)
	go func() {
		defer close(e.ended)
		buf := make([]byte, 100)
		for {
			if _, _, err := client.ReadFrom(buf); err != nil {
				return
			}
			e.back.Add(1)
		}
	}()
	ctx, e.halt = context.WithCancel(ctx)
	go e.send(ctx, server.LocalAddr())
	return e
}

// send sends a packet every quarter of a millisecond, or fewer. So few are in
// flight that none is lost for lack of room, however busy the machine is.
func (e *echoes) send(ctx context.Context, to net.Addr) {
	const most = 50 // the ring of a veth holds more, and so does any socket
	var sent int64
	for ctx.Err() == nil {
		for range 4 {
			if sent-e.back.Load() >= most {
				break
			}
			if _, err := e.client.WriteTo([]byte("echo"), to); err == nil {
				sent++
			}
		}
		time.Sleep(time.Millisecond)
	}
	e.sent <- sent
}

// stop returns the number of packets sent, and the number that came back once
// all have or no more arrive.
func (e *echoes) stop() (sent, back int64) {
	e.halt()
	sent = <-e.sent
	for deadline := time.Now().Add(waitTimeout / 4); e.back.Load() < sent && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	_ = e.client.Close()
	<-e.ended
	return sent, e.back.Load()
}
