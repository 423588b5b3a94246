package kernel_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/internal/lab"
	"ctop/internal/pair"
	"ctop/tracker/flow"
	"ctop/tracker/kernel"
)

// half is one of two trackers of a pair, whose messages arrive at once.
type half struct {
	objects *kernel.Objects
	table   *kernel.Partner
	pair    *pair.Pair
	inbox   chan []byte
	took    time.Duration
}

func newHalf(t *testing.T, capacity int) *half {
	t.Helper()
	h := &half{inbox: make(chan []byte, 1<<16)}
	var err error
	if h.objects, err = kernel.Load(kernel.Options{MaxFlows: capacity}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.objects.Close)
	table, err := kernel.NewTable(h.objects)
	if err != nil {
		t.Fatal(err)
	}
	if h.table, err = table.Partner(); err != nil {
		t.Fatal(err)
	}
	return h
}

// own enters n flows of the tracker's own.
func (h *half) own(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		told := flow.Told{Glance: flow.Glance{ID: flow.ID(uint64(i+1) * 0x9e3779b97f4a7c15), Control: uint32(flow.StateEstablished), Age: time.Minute}}
		told.Key = toldKey(flow.IPv4)
		binary.BigEndian.PutUint32(told.Key[28:], uint32(i))
		told.Halves[0] = flow.ToldHalf{Packets: 2, Bytes: 120, Idle: time.Second, End: 7}
		told.Halves[1] = told.Halves[0]
		if result, err := h.table.Enter(&told); err != nil || result != flow.InheritedDone {
			t.Fatal(result, err)
		}
		if result, err := h.table.Own(&told.Key, told.ID); err != nil || result != flow.InheritedDone {
			t.Fatal(result, err)
		}
	}
}

// toldKey returns a key of TCP between 0.0.0.0 and itself.
func toldKey(family flow.Family) (key flow.ToldKey) {
	for _, at := range [...]int{10, 11, 26, 27} {
		key[at] = 0xff
	}
	key[40], key[41] = uint8(flow.ProtocolTCP), uint8(family)
	return key
}

// Of what a partner tells nothing is entered that no packet can have: consoles, recordings and
// the fleet would fail over it.
func TestToldKeys(t *testing.T) {
	lab.Require(t)
	h := newHalf(t, 1000)
	with := func(key flow.ToldKey, at, with int) flow.ToldKey {
		key[at] = byte(with)
		return key
	}
	four, six := toldKey(flow.IPv4), toldKey(flow.IPv6)
	icmp := with(with(four, 40, int(flow.ProtocolICMP)), 42, 8)
	const reversed = uint32(bpf.ConntrackFlowFlagFLOW_REVERSED)
	for _, c := range []struct {
		name    string
		key     flow.ToldKey
		control uint32
		want    flow.Inherited
	}{
		{"IPv4", four, 0, flow.InheritedDone},
		{"IPv4, reversed", with(four, 35, 1), reversed, flow.InheritedDone},
		{"IPv6", six, 0, flow.InheritedDone},
		{"IPv6 of other addresses", with(with(six, 10, 1), 11, 1), 0, flow.InheritedDone},
		{"ping", with(icmp, 31, 1), 0, flow.InheritedDone},
		{"another zone, VLAN and session", with(with(with(four, 37, 0x20), 44, 7), 46, 1), 0, flow.InheritedDone},
		{"no family", toldKey(0), 0, flow.InheritedRefused},
		{"another family", toldKey(77), 0, flow.InheritedRefused},
		{"IPv4 with the first address of IPv6", with(four, 11, 0), 0, flow.InheritedRefused},
		{"IPv4 with the second address of IPv6", with(four, 16, 1), 0, flow.InheritedRefused},
		{"ends in another order", with(four, 33, 1), 0, flow.InheritedRefused},
		{"a ping with two identifiers", with(icmp, 33, 1), 0, flow.InheritedRefused},
		{"a ping by its answer", with(icmp, 31, 1), reversed, flow.InheritedRefused},
	} {
		told := flow.Told{Glance: flow.Glance{Key: c.key, ID: 7, Control: uint32(flow.StateEstablished) | c.control}}
		told.Halves[0].Packets = 2
		if result, err := h.table.Enter(&told); err != nil || result != c.want {
			t.Errorf("%s: %v, error %v", c.name, result, err)
		}
	}
}

// run lets a half work until stop is closed.
func (h *half) run(t *testing.T, stop chan struct{}, name string) {
	tick := time.NewTicker(pair.Every)
	defer tick.Stop()
	runtime.LockOSThread() // ends with it
	for {
		before := kernel.ThreadTime()
		select {
		case <-stop:
			return
		case m := <-h.inbox:
			if err := h.pair.Receive(name, m); err != nil {
				t.Error(err)
			}
		case <-tick.C:
			if err := h.pair.Tick(); err != nil {
				t.Error(err)
			}
		}
		h.took += kernel.ThreadTime() - before
	}
}

// TestTablesAgree lets a tracker with flows meet one without: all arrive. CTOP_PAIR_FLOWS
// is how many, and then it prints how long that takes.
func TestTablesAgree(t *testing.T) {
	lab.Require(t)
	n := 2000
	if text := os.Getenv("CTOP_PAIR_FLOWS"); text != "" {
		n = 0
		for _, c := range text {
			n = 10*n + int(c-'0')
		}
	}
	halves := [2]*half{newHalf(t, 2*n), newHalf(t, 2*n)}
	halves[0].own(t, n)
	stop := make(chan struct{})
	var running sync.WaitGroup
	for i, h := range halves {
		other := halves[1-i]
		h.pair = pair.New(pair.Options{
			Table: h.table, Capacity: 2 * n, Uptime: func() time.Duration { return time.Hour },
			Send: func(m []byte) error {
				select {
				case other.inbox <- bytes.Clone(m):
					return nil
				default:
					return unix.ENOBUFS
				}
			},
		})
	}
	began := time.Now()
	for i, h := range halves {
		running.Add(1)
		go func() {
			defer running.Done()
			h.run(t, stop, []string{"b", "a"}[i])
		}()
	}
	for deadline := began.Add(time.Minute); !halves[1].pair.Status().Synced && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	close(stop)
	running.Wait()
	s := halves[1].pair.Status()
	if present, err := halves[1].table.Present(); err != nil || present != n || s.Entered < uint64(n) {
		t.Errorf("%d flows of %d, %v, %+v", present, n, err, s)
	}
	t.Logf("%d flows in %s; %s and %s of processor time", n, took, halves[0].took, halves[1].took)
	var told, there flow.Told
	if err := each(halves[0].table, func(f *flow.Told) {
		if told.ID == 0 {
			told = *f
		}
	}); err != nil {
		t.Fatal(err)
	}
	found, err := halves[1].table.Flow(&told.Key, &there)
	if err != nil || !found || there.ID != told.ID || !there.Inherited() || told.Inherited() || there.Halves[0].Packets != 2 ||
		(there.Age-told.Age).Abs() > time.Second+time.Since(began) || there.Halves[1].End != 7 {
		t.Errorf("%+v arrived as %+v, %v", told, there, err)
	}
}

func each(table *kernel.Partner, visit func(*flow.Told)) error {
	for from := 0; ; from += 1000 {
		if more, err := table.Part(from, 1000, -1, visit); err != nil || !more {
			return err
		}
	}
}

// A flow that only the partner has gets the timeout that was set there. One of TCP is not
// forgotten sooner than by any state.
func TestToldTimeouts(t *testing.T) {
	lab.Require(t)
	h := newHalf(t, 256)
	table, err := kernel.NewTable(h.objects)
	if err == nil {
		err = table.Configure(flow.PolicyEnforce, flow.DefaultTimeouts())
	}
	if err != nil {
		t.Fatal(err)
	}
	if h.table, err = table.Partner(); err != nil {
		t.Fatal(err)
	}
	second := time.Second
	shortest := map[flow.Protocol]time.Duration{
		flow.ProtocolTCP: flow.DefaultTimeouts()[flow.TCPSynRecv], flow.ProtocolUDP: second, flow.ProtocolICMP: second,
	}
	id := flow.ID(0)
	for proto, shortest := range shortest {
		for _, state := range []flow.State{flow.StateNew, flow.StateSynSent, flow.StateEstablished, flow.StateLastAck, flow.StateTimeWait} {
			if proto != flow.ProtocolTCP && state != flow.StateNew && state != flow.StateEstablished {
				continue
			}
			for told, want := range map[time.Duration]time.Duration{0: 0, second: shortest, shortest: shortest, shortest + second: shortest + second, time.Hour: time.Hour} {
				id++
				one := flow.Told{Glance: flow.Glance{ID: id, Control: uint32(state)}, Timeout: told}
				one.Key = toldKey(flow.IPv4)
				one.Key[31], one.Key[40] = byte(id), uint8(proto)
				one.Halves[0].Packets = 1
				var there flow.Told
				result, err := h.table.Enter(&one)
				found, err2 := h.table.Flow(&one.Key, &there)
				if err != nil || err2 != nil || !found || result != flow.InheritedDone || there.Timeout != want {
					t.Errorf("%s in %s of %s is %s: %v, %v, %v", told, state, proto, there.Timeout, result, err, err2)
				}
			}
		}
	}
}
