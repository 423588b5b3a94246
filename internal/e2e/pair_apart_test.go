package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What comes between the two halves of a pair, on the real kernel and with real programs.

// pairFlow is what both halves have of a flow alike.
type pairFlow struct {
	ID, State string
	Age       float64 `json:"age_s"`
}

// flowsOf returns the flows of the echo servers that a half has, by their ids, and when.
func (r *pairRig) flowsOf(h *pairHalf) (all map[string]pairFlow, at time.Time) {
	r.t.Helper()
	out, err := ctop(r.ctx, r.t, "--dump", "--for", "100ms", "-o", "json", "--filter", "tcp port 7000", h.wire[0], h.wire[1]).Output()
	if err != nil {
		r.t.Fatalf("dump: %v", err)
	}
	var s struct {
		Time  time.Time
		Flows []pairFlow
	}
	if err := json.Unmarshal(out, &s); err != nil {
		r.t.Fatalf("dump: %v: %s", err, out)
	}
	all = map[string]pairFlow{}
	for _, f := range s.Flows {
		all[f.ID] = f
	}
	return all, s.Time
}

// same waits until both have the same flows of the echo servers, in the same states, and all
// that are open.
func (r *pairRig) same(when string) {
	r.t.Helper()
	differ := ""
	defer func() {
		if differ != "" {
			r.t.Log(when, differ)
		}
	}()
	r.eventually(when+" both have the same flows", func() bool {
		a, _ := r.flowsOf(r.halves[0])
		b, _ := r.flowsOf(r.halves[1])
		differ = difference(a, b, len(r.conns))
		return differ == ""
	})
	r.agree()
	r.kept(when)
}

// difference says how the flows of two halves differ, of which so many are open.
func difference(a, b map[string]pairFlow, open int) string {
	for id, f := range a {
		if g := b[id]; g.State != f.State {
			return fmt.Sprintf("of %d and %d flows: %+v and %+v", len(a), len(b), f, g)
		}
		if f.State == "ESTABLISHED" {
			open--
		}
	}
	if len(a) != len(b) || open != 0 {
		return fmt.Sprintf("%d and %d flows, %d open ones are missing", len(a), len(b), open)
	}
	return ""
}

// nothingLeft ends the connections, and waits until neither half has a flow of them.
func (r *pairRig) nothingLeft() {
	r.t.Helper()
	r.hangUp()
	// Where a flow was heard before it moved, it is kept for a while (five minutes).
	for _, h := range r.halves {
		r.must("timeouts", "--on", h.wire[0]+","+h.wire[1], "tcp_unacknowledged=1s", "tcp_time_wait=1s", "tcp_fin_wait=1s", "tcp_last_ack=1s")
	}
	r.eventually("no flow is left", func() bool {
		a, _ := r.flowsOf(r.halves[0])
		b, _ := r.flowsOf(r.halves[1])
		return len(a)+len(b) == 0
	})
	r.agree()
	r.kept("in the end")
}

// finish ends the connections, and then the trackers, once neither has a flow of them.
func (r *pairRig) finish() {
	r.t.Helper()
	r.nothingLeft()
	r.stop()
}

// shortly are flags by which connections that were closed leave soon. One that is half closed
// stays: a busy server may take seconds to close the other half.
var shortly = []string{"--timeout", "tcp_time_wait=1s"}

// beginAll begins both halves, with more arguments, and waits until they are in sync.
func (r *pairRig) beginAll(more ...string) {
	r.t.Helper()
	for _, h := range r.halves {
		h.more = more
		r.begin(h)
	}
	r.synced()
}

// chat talks by all connections all the time until stop is called, which fails if one did not
// go on.
func (r *pairRig) chat() (stop func()) {
	ended, failed := new(atomic.Bool), make(chan error, len(r.conns))
	var talking sync.WaitGroup
	rounds := new(atomic.Int64)
	for _, c := range r.conns {
		talking.Go(func() {
			b := make([]byte, 500)
			for !ended.Load() {
				_ = c.SetDeadline(time.Now().Add(waitTimeout))
				_, err := c.Write(b)
				if err == nil {
					_, err = io.ReadFull(c, b)
				}
				if err != nil {
					failed <- err
					return
				}
				rounds.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() {
		r.t.Helper()
		ended.Store(true)
		talking.Wait()
		close(failed)
		for err := range failed {
			r.t.Errorf("a connection did not go on: %v", err)
		}
		r.t.Logf("%d echoes", rounds.Load())
	}
}

// without drops packets of the middle of the lab that any rule of nft matches, until the
// returned function is called.
func (r *pairRig) without(rules ...string) (with func()) {
	r.t.Helper()
	nft := func(text string) {
		r.t.Helper()
		cmd := exec.CommandContext(r.ctx, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			r.t.Fatalf("nft: %v: %s", err, out)
		}
	}
	nft("table inet between {\nchain input {\ntype filter hook input priority 0; policy accept;\n" + strings.Join(rules, " drop\n") + " drop\n}\n}\n")
	with = sync.OnceFunc(func() { nft("delete table inet between\n") })
	r.t.Cleanup(with)
	return with
}

// Of what passes between the halves and the hub a tenth is lost: connections begin, move and end
// all the same, and both agree while it goes on.
func TestPairLossy(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	r.beginAll(shortly...)
	with := r.without("tcp dport 4222 numgen random mod 10 == 0", "tcp sport 4222 numgen random mod 10 == 0")
	r.open(n)
	r.talk("with loss")
	r.same("with loss")
	r.route(1, 1)
	r.talk("by the other wire")
	r.open(n)
	r.talk("with more of them")
	r.same("on the other wire")
	with()
	r.finish()
}

// The second addresses of the client and the server.
const (
	pairClient2 = "198.51.100.3"
	pairServer2 = "198.51.100.4"
)

// Both machines carry connections while neither hears the other one, for a minute with
// CTOP_CHAOS, and agree afterwards.
func TestPairPartition(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	r.meet(pairClient2, pairServer2)
	r.routeOf(pairClient2, pairServer2, 1, 1)
	both := r.machines()
	for _, m := range both {
		m.more = shortly
		m.begin()
	}
	r.synced()
	r.openTo(pairServer, n)
	r.openTo(pairServer2, n)
	r.talk("at first")
	r.same("at first")
	with := r.without("tcp dport "+linkedPort, "tcp sport "+linkedPort)
	stop := r.chat()
	for _, h := range r.halves {
		r.eventually(h.name+" is alone", func() bool { return h.read()["pair_partner_alive"] == 0 })
	}
	if chaos() {
		time.Sleep(time.Minute)
	}
	stop()
	r.close(n / 2)
	r.openTo(pairServer, n)
	r.openTo(pairServer2, n)
	r.talk("apart")
	r.kept("apart")
	with()
	for _, h := range r.halves {
		r.eventually(h.name+" is not alone", func() bool { return h.read()["pair_partner_alive"] == 1 })
	}
	r.same("together again")
	r.finish()
}

// close closes the first connections of each server.
func (r *pairRig) close(n int) {
	closed, left := map[string]int{}, r.conns[:0:0]
	for _, c := range r.conns {
		if to := c.RemoteAddr().String(); closed[to] < n {
			closed[to]++
			_ = c.Close()
		} else {
			left = append(left, c)
		}
	}
	r.conns = left
}

// otherForm builds a program that speaks another version of the pair's messages.
func otherForm(t *testing.T) string {
	t.Helper()
	list := exec.Command("go", "list", "-f", "{{.Dir}}", "ctop/internal/pair")
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(dir)), "message.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "const form = 1\n", "const form = 2\n", 1)
	if changed == string(text) {
		t.Fatal("message.go has no form")
	}
	there := t.TempDir()
	file, overlay, path := filepath.Join(there, "message.go"), filepath.Join(there, "overlay.json"), filepath.Join(there, "ctop")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{source: file}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{file: changed, overlay: string(replace)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-buildvcs=false", "-trimpath", "-o", path, "ctop/cmd/ctop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// Two versions that do not understand each other say so, leave their tables and connections
// alone, and are in sync once the other one is upgraded, without an end of its tracker.
func TestPairOfTwoVersions(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	first, second := r.halves[0], r.halves[1]
	second.binary = otherForm(t)
	for _, h := range r.halves {
		r.begin(h)
	}
	r.open(n)
	for _, h := range r.halves {
		r.eventually(h.name+" says it", func() bool {
			return strings.Contains(h.health(), "the partner runs a ctop that this one does not understand\n") && h.read()["pair_partner_unread"] == 1
		})
	}
	r.talk("side by side")
	r.established(first, n)
	if m := second.read(); m["pair_entered_flows_total"] != 0 || m[`flows{state="ESTABLISHED"}`] != 0 {
		t.Errorf("the second one knows flows: %v", m)
	}
	stop := r.chat()
	_ = second.cmd.Process.Kill()
	_ = second.cmd.Wait()
	second.binary = ""
	r.begin(second)
	r.synced()
	stop()
	r.same("after the upgrade")
	for _, h := range r.halves {
		r.eventually(h.name+" takes it back", func() bool { return h.health() == "ok\n" && h.read()["pair_partner_unread"] == 0 })
	}
	r.route(1, 1)
	r.talk("by the other wire")
	r.same("by the other wire")
	r.finish()
}

// ctop is killed and begun again on both machines in turn, while connections talk and move.
func TestPairRestartsInTurn(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	r.beginAll(shortly...)
	r.open(n)
	r.talk("at first")
	r.same("at first")
	stop := r.chat()
	for i, h := range r.halves {
		for _, end := range []os.Signal{syscall.SIGKILL, syscall.SIGUSR1} {
			_ = h.cmd.Process.Signal(end)
			_ = h.cmd.Wait()
			r.begin(h)
			r.synced()
			r.same(fmt.Sprintf("after %s of %s", end, h.name))
		}
		r.route(1-i, 1-i)
	}
	stop()
	r.finish()
}

// A partner with a smaller table takes what has room and says so, keeps what it has, and
// has the rest once others have ended.
func TestPairWithSmallerTable(t *testing.T) {
	const n, small = 200, 128
	r := newPairRig(t)
	first, second := r.halves[0], r.halves[1]
	first.more, second.more = shortly, append([]string{"--max-flows", fmt.Sprint(small)}, shortly...)
	for _, h := range r.halves {
		r.begin(h)
	}
	r.synced()
	r.open(n)
	r.talk("at first")
	r.eventually("the other one has no room", func() bool {
		return strings.Contains(first.health(), "gate-2 has no room for all flows\n") && second.read()["pair_refused_flows_total"] > 0
	})
	r.established(first, n)
	open := 0.0
	r.eventually("the other one has some", func() bool {
		open = second.read()[`flows{state="ESTABLISHED"}`]
		return open > 0
	})
	if open > small-small/16 {
		t.Errorf("the other one has %v flows", open)
	}
	r.close(n - small/2)
	r.talk("those that are left")
	r.same("with room for all")
	r.finish()
}
