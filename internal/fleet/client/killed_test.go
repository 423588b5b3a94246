package client_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/fleet/client"
	"ctop/internal/fleet/hub"
	"ctop/internal/fleet/link"
	"ctop/tracker/flow"
)

// The variables that make the test a hub, and the number of kills.
const (
	hubVariable     = "CTOP_TEST_HUB"
	addressVariable = "CTOP_TEST_ADDRESS"
	killsVariable   = "CTOP_TEST_KILLS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(hubVariable); dir != "" {
		err := hub.Run(context.Background(), hub.Options{
			Dir: hub.Dir(dir), Address: os.Getenv(addressVariable), Log: slog.New(slog.DiscardHandler), Ready: func(url string) { fmt.Println(url) },
		})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// startProcess starts a hub that is a process, and can be killed.
func (w *world) startProcess() *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hubVariable+"="+string(w.dir), addressVariable+"="+w.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { kill(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	w.url = strings.TrimSpace(line)
	w.address = strings.TrimPrefix(w.url, "nats://")
	return cmd
}

func kill(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// The server is killed at any moment of an act. Each act has exactly one outcome in the journal:
// it was done, with one effect, or it came too late, with none. The operator learns the same.
func TestServerKilledDuringActs(t *testing.T) {
	kills, fleets := 12, 4
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills, fleets = n, 10
	}
	for i := range fleets {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			killDuringActs(t, kills/fleets)
		})
	}
}

// killed is a host that takes acts, and its hub, which is a process.
type killed struct {
	*world
	*acting
	process *exec.Cmd
	c       *client.Client
}

func killDuringActs(t *testing.T, rounds int) {
	w := &world{t: t, dir: hub.Dir(t.TempDir()), address: ownAddress() + ":0"}
	one, ann := w.key(fleet.RoleHost, "edge-1"), w.key(fleet.RoleOperator, "ann")
	k := &killed{world: w, process: w.startProcess()}
	k.acting = w.acting(one, newSource(1, rounds))
	k.pause = 20 * time.Millisecond
	w.eventually("a console connects", func() bool {
		c, err := client.Connect(link.Options{URL: w.url, Credentials: ann, Spread: func() time.Duration { return 200 * time.Millisecond }})
		k.c = c
		return err == nil
	})
	defer k.c.Close()
	w.eventually("it is there", func() bool { return here(t, k.c) == "edge-1" })
	for i := range rounds {
		for id := flow.ID(i + 1); !k.round(t, id); {
			t.Logf("flow %d: the server was away too long", id)
			w.eventually("it is there", func() bool { return here(t, k.c) == "edge-1" })
		}
	}
}

// round kills the server during an act on a flow. It reports whether the server was back while
// the act still had half of its time: on a busy machine it may need too long.
func (k *killed) round(t *testing.T, id flow.ID) (inTime bool) {
	t.Helper()
	type result struct {
		o   fleet.Outcome
		err error
	}
	done := make(chan result, 1)
	began, effects, connections := time.Now(), k.times(id), k.agent.Stats().Reconnects
	go func() {
		o, err := k.c.Act(context.Background(), "edge-1", flow.Deletion(flow.Ref{ID: id}))
		done <- result{o, err}
	}()
	time.Sleep(rand.N(40 * time.Millisecond)) // before it, somewhere in it, or after it
	kill(k.process)
	k.freePort()
	k.process = k.startProcess()
	k.eventually("both are connected again", func() bool {
		_, err := k.c.Remembered(context.Background())
		s := k.agent.Stats()
		return err == nil && s.Connected && s.Reconnects > connections
	})
	inTime = time.Since(began) < fleet.ActFor/2
	r := <-done
	effects = k.times(id) - effects
	if r.err != nil && !inTime && effects <= 1 {
		return false
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	want, lines := 1, 2
	if r.o.State == fleet.Refused { // it came too late
		want, lines = 0, 1
	}
	audited := k.audited(r.o.ID)
	if len(audited) != lines || audited[lines-1].State != r.o.State || r.o.State != fleet.Done && r.o.State != fleet.Refused {
		t.Errorf("flow %d: audited as %+v, told %+v", id, audited, r.o)
	}
	if effects != want {
		t.Errorf("flow %d: %s, with %d effects", id, r.o.State, effects)
	}
	return true
}

// freePort waits until the hub's address can be listened at.
func (w *world) freePort() {
	w.eventually("the address is free", func() bool {
		l, err := net.Listen("tcp", w.address)
		return err == nil && l.Close() == nil
	})
}
