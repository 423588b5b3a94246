package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// siege is the intensity of a flood.
type siege struct {
	table       int
	established int // connections that talk all the while
	handshakes  int // new ones that are made meanwhile
	duration    time.Duration
	// paced limits the flood to a rate that any machine reaches, to test the table
	// and not the machine, and is the number of frames that it sends at least.
	paced int
}

// chaos reports whether the long tests are requested, as by make chaos.
func chaos() bool { return os.Getenv("CTOP_CHAOS") != "" }

func siegeOfThisRun() siege {
	if chaos() {
		return siege{table: 65536, established: 1000, handshakes: 1000, duration: 30 * time.Second}
	}
	return siege{table: 4096, established: 100, handshakes: 100, duration: 2 * time.Second, paced: 3 * 4096}
}

// Floods of packets from random sources fill the table with unproven flows.
// Existing connections continue, new ones open with their first SYN, memory
// does not grow, and afterwards everything is normal again.
func TestFlood(t *testing.T) {
	for _, f := range floods {
		for _, policy := range []flow.Policy{flow.PolicyObserve, flow.PolicyEnforce} {
			if !chaos() && !slices.Contains(f.always, policy) {
				continue
			}
			t.Run(f.name+"/"+policy.String(), func(t *testing.T) {
				endure(t, f, policy, siegeOfThisRun())
			})
		}
	}
}

func endure(t *testing.T, f flood, policy flow.Policy, a siege) {
	r := newRig(t, tracker.Options{Policy: policy, MaxFlows: a.table})
	if err := r.Client.SetQueue(true); err != nil {
		t.Fatal(err)
	}
	if f.answered {
		routeBack(t, r)
	}
	shaker := newShaker(t, r)
	talk := newTalk(t, r, a.established)
	far := newDistant(t, r)
	before := kernelMemory(t)

	ctx, cancel := context.WithTimeout(r.ctx, a.duration)
	defer cancel()
	var sent int
	var fastest float64
	var wg sync.WaitGroup
	wg.Go(func() { sent = f.send(ctx, t, r, a.paced) })
	wg.Go(func() { talk.goOn(ctx) })
	wg.Go(func() { far.shakeAll(ctx, a.duration/4) })
	wg.Go(func() { fastest = far.fastest(ctx) })
	slow := shaker.shakeAll(ctx, a.handshakes, a.duration)
	wg.Wait()
	ended := time.Now()

	t.Logf("%d packets, %.0f a second; %d of %d handshakes slow", sent, float64(sent)/a.duration.Seconds(), slow, a.handshakes)
	t.Log(talk.report())
	if slow > a.handshakes/100 {
		t.Errorf("%d of %d handshakes needed more than one SYN", slow, a.handshakes)
	}
	talk.check(t, r)
	far.check(t, fastest, a.table)
	checkFlooded(t, r, f, policy, a)
	backToNormal(t, r, shaker)
	if chaos() && f.eases {
		eased(t, r, a.table*85/100)
	}
	t.Logf("back to normal after %.1f s", time.Since(ended).Seconds())
	if after := kernelMemory(t); after != before {
		t.Errorf("the maps take %d bytes, they took %d", after, before)
	}
}

// eased waits until at most the given number of the flood's flows is left.
func eased(t *testing.T, r *rig, flows int) {
	t.Helper()
	for deadline := time.Now().Add(3 * waitTimeout); len(r.flows("")) >= flows; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there are still %d flows", len(r.flows("")))
		}
	}
}

// routeBack makes the server answer the flood; the client drops the answers.
func routeBack(t *testing.T, r *rig) {
	t.Helper()
	out, err := r.Server.Command(r.ctx, "ip", "route", "add", floodSources, "via", r.Client.Addr4().String()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// checkFlooded checks that the flood was large enough, and that the sums hold.
func checkFlooded(t *testing.T, r *rig, f flood, policy flow.Policy, a siege) {
	t.Helper()
	s, err := r.tracker.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c := s.Counters
	t.Logf("created %d, evicted %d, not tracked %d, invalid %d, lost events %d",
		c.FlowsCreated, c.Destroyed[flow.ReasonEvicted], c.TableFull, c.Invalid, c.EventsLost)
	if f.fills && (policy == flow.PolicyObserve || !f.refused) && c.Destroyed[flow.ReasonEvicted] == 0 {
		t.Error("nothing was evicted: the flood did not fill the table")
	}
	if f.refused && policy == flow.PolicyEnforce && c.InvalidBy[flow.InvalidNoFlow] == 0 {
		t.Error("nothing was refused")
	}
	if len(s.Flows) > a.table {
		t.Errorf("%d flows in a table of %d", len(s.Flows), a.table)
	}
	sumsHold(t, r)
}

// sumsHold waits until the sums hold: a snapshot is not one instant, and the
// last packets may still be in flight.
func sumsHold(t *testing.T, r *rig) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(20 * time.Millisecond) {
		s, err := r.tracker.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err = sumsOf(s); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// sumsOf checks the counters against each other, whatever arrived. Each packet
// has one verdict and one fate. Each flow was created, and either ended for a
// reason or still exists.
func sumsOf(s *flow.Snapshot) error {
	c := s.Counters
	if sum := c.New + c.Established + c.Related + c.Invalid + c.Untracked; sum != c.Packets {
		return fmt.Errorf("verdicts add up to %d, packets are %d", sum, c.Packets)
	}
	if c.Forwarded+c.Dropped != c.Packets {
		return fmt.Errorf("forwarded %d and dropped %d of %d packets", c.Forwarded, c.Dropped, c.Packets)
	}
	if c.FlowsCreated != c.FlowsDestroyed+uint64(len(s.Flows)) {
		return fmt.Errorf("created %d, destroyed %d, present %d", c.FlowsCreated, c.FlowsDestroyed, len(s.Flows))
	}
	var reasons uint64
	for _, n := range c.Destroyed {
		reasons += n
	}
	if reasons != c.FlowsDestroyed {
		return fmt.Errorf("destroyed %d, by reason %d", c.FlowsDestroyed, reasons)
	}
	return nil
}

// backToNormal waits until several handshakes in a row need one SYN and every
// new flow finds room.
func backToNormal(t *testing.T, r *rig, s *shaker) {
	t.Helper()
	r.eventually("back to normal", func() bool {
		before, err := r.tracker.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		slow := s.shakeAll(r.ctx, 20, 0)
		after, err := r.tracker.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return slow == 0 && before.Counters.TableFull == after.Counters.TableFull
	})
	if _, err := lab.Ping(r.ctx, r.Client, r.Server.Addr4()); err != nil {
		t.Error(err)
	}
}
