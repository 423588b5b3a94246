package bpf

import (
	"bytes"
	"cmp"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"ctop/internal/bpftest"
	"ctop/internal/lab"
)

// hook is an entry point under test.
type hook string

const (
	hookXDP hook = "xdp"
	hookTC  hook = "tc"
)

// timeouts are the report's, in seconds; a tick of the tests is a second.
var timeouts = [...]uint64{
	ConntrackTimeoutTIMEOUT_TCP_SYN_SENT:       120,
	ConntrackTimeoutTIMEOUT_TCP_SYN_RECV:       60,
	ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED:    432000,
	ConntrackTimeoutTIMEOUT_TCP_FIN_WAIT:       125,
	ConntrackTimeoutTIMEOUT_TCP_LAST_ACK:       130,
	ConntrackTimeoutTIMEOUT_TCP_TIME_WAIT:      135,
	ConntrackTimeoutTIMEOUT_TCP_UNACKNOWLEDGED: 310,
	ConntrackTimeoutTIMEOUT_UDP_UNIDIRECTIONAL: 300,
	ConntrackTimeoutTIMEOUT_UDP_BIDIRECTIONAL:  600,
	ConntrackTimeoutTIMEOUT_ICMP:               30,
	ConntrackTimeoutTIMEOUT_OTHER:              620,
}

// harness runs the shipped programs with a clock of its own.
type harness struct {
	*ConntrackObjects
	t      testing.TB
	memory *Table
	config ConntrackTrackerConfig
	events *ringbuf.Reader
	// hop lets every packet come by another CPU than the one before.
	hop bool
	cpu int
	// altered lets the packet path change a checksum.
	altered bool
}

// setup is how the programs are loaded, with a clock of the test's own.
type setup = bpftest.Setup

// newHarness loads the programs, or skips the test where that is not permitted. The
// clock is the test's.
func newHarness(t testing.TB, s setup) *harness {
	t.Helper()
	s.Clock = true
	return newHarnessAsIs(t, s)
}

// newHarnessAsIs does the same, with the kernel's clock if setup says so.
func newHarnessAsIs(t testing.TB, s setup) *harness {
	t.Helper()
	lab.Require(t)
	// By default nothing is evicted for a new flow as long as the table has room.
	s.KeptLimit = cmp.Or(s.KeptLimit, math.MaxUint64)
	l, err := loaded.get(s)
	ok(t, err)
	h := &harness{t: t, ConntrackObjects: &l.ConntrackObjects, memory: l.table, altered: s.CompleteChecksums}
	h.events = h.addReader(0)
	h.reset()
	return h
}

// cache keeps what was loaded for the tests that follow: the verifier takes
// half a second.
type cache struct {
	mu     sync.Mutex
	loaded map[setup]*loading
}

// loading is what was loaded for a setup.
type loading struct {
	ConntrackObjects
	table *Table
}

var loaded = cache{loaded: map[setup]*loading{}}

func (c *cache) get(s setup) (*loading, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded[s] != nil {
		return c.loaded[s], nil
	}
	l := new(loading)
	if err := load(s, &l.ConntrackObjects); err != nil {
		return nil, err
	}
	c.loaded[s] = l
	return l, l.open()
}

func (c *cache) close() {
	for _, l := range c.loaded {
		_ = l.Close()
		if l.table != nil {
			_ = l.table.Close()
		}
	}
}

// open maps the table, which is cheaper to read than by system calls.
func (l *loading) open() (err error) {
	var hashing ConntrackHashing
	if err := l.Hashing.Get(&hashing); err != nil {
		return err
	}
	maps := TableMaps{Flows: l.Flows, Buckets: l.Buckets, Filling: l.Filling, FreePlaces: l.FreePlaces, Ended: l.Ended}
	l.table, err = maps.Open(hashing)
	return err
}

// load loads the programs as they are shipped, but for their constants.
func load(s setup, objects *ConntrackObjects) error {
	spec, err := LoadConntrack()
	if err != nil {
		return err
	}
	if !haveFrags() {
		spec.Programs["ctop_xdp"].Flags &^= unix.BPF_F_XDP_HAS_FRAGS
	}
	return s.LoadInto(spec, SizeTable, SetConstants, objects)
}

// haveFrags reports whether the kernel knows packets of several buffers, which came with
// Linux 5.18.
func haveFrags() bool {
	version, err := features.LinuxVersionCode()
	return err != nil || version >= 5<<16|18<<8
}

// addReader puts a ring buffer into a slot.
func (h *harness) addReader(slot uint32) *ringbuf.Reader {
	h.t.Helper()
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 22})
	ok(h.t, err)
	defer ring.Close()
	ok(h.t, h.Readers.Put(slot, ring))
	reader, err := ringbuf.NewReader(ring)
	ok(h.t, err)
	h.t.Cleanup(func() {
		_ = h.Readers.Delete(slot)
		_ = reader.Close()
	})
	return reader
}

// reset empties the table and brings configuration and clock back to the start.
func (h *harness) reset() {
	h.t.Helper()
	h.memory.Clear()
	h.memory.Forget()
	fragment := make([]byte, h.Fragments.KeySize())
	for h.Fragments.NextKey(nil, &fragment) == nil {
		ok(h.t, h.Fragments.Delete(fragment))
	}
	h.config = ConntrackTrackerConfig{
		TimeoutTicks:  timeouts,
		SidesUnknown:  1,
		InjectedTicks: 1 << 32,
		InjectedNs:    1 << 40,
	}
	h.config.Points[0].Ifindex, h.config.Points[1].Ifindex = bpftest.Loopback, bpftest.Loopback+1
	h.configure()
	h.drain()
}

// filling returns how the table is filled.
func (h *harness) filling() *ConntrackFilling { return &h.memory.filling[0] }

// configure hands the configuration to the programs.
func (h *harness) configure() {
	h.t.Helper()
	ok(h.t, h.Config.Set(h.config))
}

// come makes the packets that follow come in by a side. Before the first call sides
// are unknown, and only directions count.
func (h *harness) come(side int) {
	h.t.Helper()
	points := h.config.Points
	points[side].Ifindex, points[1-side].Ifindex = bpftest.Loopback, bpftest.Loopback+1
	if h.config.Points != points || h.config.SidesUnknown != 0 {
		h.config.Points, h.config.SidesUnknown = points, 0
		h.configure()
	}
}

// wait moves both clocks.
func (h *harness) wait(seconds uint64) {
	h.t.Helper()
	h.config.InjectedTicks += seconds
	h.config.InjectedNs += seconds * uint64(time.Second)
	h.configure()
}

// run sends one frame through a hook and returns whether it goes on. The frame
// must come out as it went in.
func (h *harness) run(by hook, data []byte) (forwarded bool) {
	h.t.Helper()
	forwarded, out := h.runOut(by, data, nil)
	if !h.altered && !bytes.Equal(data, out) {
		h.t.Fatalf("%s altered the packet\nin  %x\nout %x", by, data, out)
	}
	return forwarded
}

// skbContext is struct __sk_buff, of which a test run takes some fields.
type skbContext struct {
	_              [8]uint32
	_              uint32
	IngressIfindex uint32
	_              [31]uint32
	GSOSegs        uint32
	_              [2]uint32
	GSOSize        uint32
	_              [3]uint32
}

func (h *harness) runOut(by hook, data []byte, skb *skbContext) (forwarded bool, out []byte) {
	h.t.Helper()
	options := &ebpf.RunOptions{Data: data, DataOut: make([]byte, len(data)+256)}
	program, pass, drop := h.CtopXdp, uint32(bpftest.XDPRedirect), uint32(bpftest.XDPDrop)
	if by == hookTC {
		if skb == nil {
			skb = new(skbContext)
		}
		skb.IngressIfindex = bpftest.Loopback
		options.Context = skb
		program, pass, drop = h.CtopTc, bpftest.TCRedirect, bpftest.TCShot
	}
	if h.hop {
		h.cpu++
		cpus := someCPUs(h.t, runtime.NumCPU())
		defer onCPU(h.t, cpus[h.cpu%len(cpus)])()
	}
	action, err := program.Run(options)
	ok(h.t, err)
	if action != pass && action != drop {
		h.t.Fatalf("%s returned %d", by, action)
	}
	return action == pass, options.DataOut
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
