package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/fleet/link"
	"ctop/internal/pair"
	"ctop/tracker/flow"
)

// forger is a partner with the right key that lies: about flows that it was told of, and
// about some that nobody has.
type forger struct {
	mu     sync.Mutex
	random *rand.Rand
	keys   []flow.ToldKey
	ids    map[flow.ToldKey]flow.ID
}

// lie says something about a flow. It has always just heard it.
func (f *forger) lie(key flow.ToldKey, told *flow.Told) {
	r := f.random
	*told = flow.Told{Glance: flow.Glance{Key: key, ID: f.ids[key], Control: r.Uint32()&^0x7f | r.Uint32N(10), Age: time.Duration(r.Int64N(1 << 40))}}
	if r.IntN(4) == 0 {
		told.ID = flow.ID(r.Uint64())
	}
	if r.IntN(2) == 0 {
		told.Timeout = time.Duration(r.Int64N(1 << 50))
	}
	for d := range told.Halves {
		told.Halves[d] = flow.ToldHalf{
			Packets: r.Uint64N(1 << 30), Bytes: r.Uint64N(1 << 40), End: r.Uint32(), Acked: r.Uint32(), Limit: r.Uint32(), MaxWindow: r.Uint32(),
			SYN: r.Uint32(), FIN: r.Uint32(), WindowScale: uint8(r.Uint32()),
		}
	}
}

// Flow implements [pair.Table].
func (f *forger) Flow(key *flow.ToldKey, told *flow.Told) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lie(*key, told)
	return true, nil
}

// Enter learns a flow.
func (f *forger) Enter(told *flow.Told) (flow.Inherited, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids[told.Key] == 0 {
		f.keys = append(f.keys, told.Key)
	}
	f.ids[told.Key] = told.ID
	return flow.InheritedDone, nil
}

// End implements [pair.Table].
func (f *forger) End(*flow.ToldKey, flow.ID, flow.Reason) (flow.Inherited, error) {
	return flow.InheritedDone, nil
}

// Own implements [pair.Table].
func (f *forger) Own(*flow.ToldKey, flow.ID) (flow.Inherited, error) { return flow.InheritedNone, nil }

// Part implements [pair.Table].
func (f *forger) Part(from, n int, _ time.Duration, visit func(*flow.Told)) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var told flow.Told
	for _, key := range f.keys[min(from, len(f.keys)):min(from+n, len(f.keys))] {
		f.lie(key, &told)
		visit(&told)
	}
	return from+n < len(f.keys), nil
}

// Glance implements [pair.Table].
func (f *forger) Glance(from, n int, visit func(*flow.Glance)) (bool, error) {
	return f.Part(from, n, 0, func(told *flow.Told) { visit(&told.Glance) })
}

// Present implements [pair.Table].
func (f *forger) Present() (int, error) { return 7, nil }

// Pair implements [pair.Table].
func (f *forger) Pair(bool, bool) error { return nil }

// forge lies as a host of the pair until stop is called.
func (r *pairRig) forge(name, of string) (stop func()) {
	r.t.Helper()
	creds, err := fleet.ReadCredentials(r.creds(name))
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := link.Connect(link.Options{URL: hubAddress, Credentials: creds})
	if err != nil {
		r.t.Fatal(err)
	}
	space := creds.Space()
	f := &forger{random: rand.New(rand.NewPCG(3, 1)), ids: map[flow.ToldKey]flow.ID{}}
	p := pair.New(pair.Options{
		Table: f, Capacity: 1 << 16, Uptime: func() time.Duration { return time.Minute },
		Send: func(m []byte) error { return client.Publish(space.Pair("gate", name), m) },
	})
	if _, err := client.Subscribe(space.Pair("gate", "*"), func(m *nats.Msg) { _ = p.Receive(of, m.Data) }); err != nil {
		r.t.Fatal(err)
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(pair.Every); ; {
			select {
			case <-ended:
				tick.Stop()
				client.Close()
				return
			case <-tick.C:
				f.mu.Lock()
				for _, key := range f.keys {
					if p.Changed(key); f.random.IntN(3) == 0 {
						p.Ended(key, f.ids[key], flow.Reason(f.random.IntN(9)))
					}
				}
				invented := flow.ToldKey{10: 0xff, 11: 0xff, 26: 0xff, 27: 0xff, 28: byte(f.random.Uint32()), 29: byte(f.random.Uint32()), 40: byte(flow.ProtocolTCP), 41: 4}
				f.mu.Unlock()
				p.Changed(invented)
				_ = p.Tick()
			}
		}
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() { close(ended) })
		<-done
	}
	r.t.Cleanup(stop)
	return stop
}

// openIDs returns the IDs of the open connections that a half has.
func (r *pairRig) openIDs(h *pairHalf) (ids []string) {
	r.t.Helper()
	out, err := ctop(r.ctx, r.t, "--dump", "--for", "100ms", "-o", "json", "--filter", "tcp port 7000", h.wire[0], h.wire[1]).Output()
	if err != nil {
		r.t.Fatalf("dump: %v", err)
	}
	var s struct{ Flows []struct{ ID string } }
	if err := json.Unmarshal(out, &s); err != nil {
		r.t.Fatalf("dump: %v: %s", err, out)
	}
	for _, f := range s.Flows {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	return ids
}

// A partner that lies about live connections, with the right key, in numbers, states, ends and
// ids, cuts none of them, while it lies and after it.
func TestForgedPartner(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	first := r.halves[0]
	r.begin(first)
	stop := r.forge("gate-2", "gate-1")
	r.eventually("it believes to be in sync", func() bool { return first.read()["pair_synced"] == 1 })
	r.open(n)
	r.talk("at first")
	before := r.openIDs(first)
	for round := range 12 {
		r.talk("while the partner lies")
		if round%4 == 3 {
			// Now it may say that they have moved.
			time.Sleep(1500 * time.Millisecond)
		}
	}
	r.eventually("many lies were heard", func() bool {
		r.talk("while the partner lies")
		told := first.read()
		return told["pair_entered_flows_total"]+told["pair_conflicts_total"] >= 10
	})
	r.kept("while the partner lies")
	stop()
	r.talk("after the lies")
	if after := r.openIDs(first); !slices.Equal(after, before) {
		t.Errorf("the connections were %v and are %v", before, after)
	}
	// Without a pair no segment is let through that belongs to no flow.
	_ = first.cmd.Process.Kill()
	_ = first.cmd.Wait()
	r.beginAlone(first)
	for range 3 {
		r.talk("without a partner")
	}
	r.kept("without a partner")
	r.hangUp()
	_ = first.cmd.Process.Signal(os.Interrupt)
	if err := first.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, first.log.end())
	}
}

// beginAlone begins a half that is of no pair.
func (r *pairRig) beginAlone(h *pairHalf) {
	r.t.Helper()
	r.serve(h)
	r.eventually("it serves", func() bool { return len(h.read()) > 0 })
}
