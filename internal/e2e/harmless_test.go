package e2e

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// stream sends numbered frames of every kind from one host to another, unevenly, and
// captures what arrives.
type stream struct {
	from, to *lab.Host
	macs     [12]byte
	capture  *lab.Capture
	mu       sync.Mutex
	sent     [][]byte
	arrived  map[uint32][][]byte
	// judged are the numbers of frames that enforce may drop.
	judged map[uint32]bool
}

// streamMark is in every frame of a stream, before its number.
const streamMark = "harmless"

// kinds returns frames with the mark and the number at their end: plain ones and such as
// the tracker does not understand, then such as it may call invalid.
func (s *stream) kinds(number uint32) (plain, judged [][]byte) {
	base := frame.Frame{MACs: s.macs, Src: s.from.Addr4(), Dst: s.to.Addr4(), Proto: frame.ProtoUDP}
	payload := append([]byte(streamMark), 0, 0, 0, 0)
	with := func(change func(*frame.Frame)) []byte {
		f := base
		binary.BigEndian.PutUint32(payload[len(streamMark):], number)
		f.L4 = append(frame.Datagram(4000, 9, len(payload))[:8], payload...)
		change(&f)
		number++
		return f.Bytes()
	}
	segment := func(flags uint8) func(*frame.Frame) {
		return func(f *frame.Frame) {
			f.Proto = frame.ProtoTCP
			f.L4 = append(frame.Segment{Sport: 4001, Dport: 9, Seq: 7, Flags: flags}.Bytes(), f.L4[8:]...)
		}
	}
	unknown := with(func(*frame.Frame) {})
	binary.BigEndian.PutUint16(unknown[12:], 0x88b5)
	plain = [][]byte{
		unknown,
		with(func(*frame.Frame) {}),
		with(func(f *frame.Frame) { f.Src, f.Dst = s.from.Addr6(), s.to.Addr6() }),
		with(func(f *frame.Frame) { f.VLANs = []uint16{7} }),
		with(func(f *frame.Frame) { f.VLANs = []uint16{7, 8, 9, 10} }),
		with(func(f *frame.Frame) { f.Checksum = frame.Wrong }),
		with(func(f *frame.Frame) { f.Fragment = 0x2000 }),
		with(func(f *frame.Frame) { f.Options = []byte{1, 1, 1, 0} }),
	}
	malformed := with(func(f *frame.Frame) {
		segment(0x10)(f)
		f.L4[12] = 0x10 // its header is too short
	})
	return plain, [][]byte{
		malformed,
		with(segment(0x02)), with(segment(0x03)), with(segment(0x10)), with(segment(0x04)), // SYN, SYN+FIN, ACK, RST
	}
}

// numberOf returns the number of a frame of a stream. An ICMP error that quotes one is
// none.
func numberOf(data []byte) (uint32, bool) {
	if len(data) < 24 || data[12] == 0x08 && data[23] == frame.ProtoICMP || data[12] == 0x86 && data[20] == frame.ProtoICMPv6 {
		return 0, false
	}
	end := data[len(data)-len(streamMark)-4:]
	return binary.BigEndian.Uint32(end[len(streamMark):]), string(end[:len(streamMark)]) == streamMark
}

// start begins to capture.
func (s *stream) start(ctx context.Context, t *testing.T) {
	t.Helper()
	destination, err := s.to.MAC()
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.from.MAC()
	if err != nil {
		t.Fatal(err)
	}
	copy(s.macs[:], slices.Concat(destination, source))
	if s.capture, err = s.to.Capture(); err != nil {
		t.Fatal(err)
	}
	// A busy machine does not read all bulk data in time.
	const longest = 200
	if err := s.capture.Short(longest); err != nil {
		t.Fatal(err)
	}
	s.arrived, s.judged = map[uint32][][]byte{}, map[uint32]bool{}
	done := make(chan struct{})
	t.Cleanup(func() { _ = s.capture.Close(); <-done })
	go func() {
		defer close(done)
		for {
			f, err := s.capture.Next(ctx)
			if err != nil {
				return
			}
			if number, ours := numberOf(f.Data); ours && !f.Outgoing {
				s.mu.Lock()
				s.arrived[number] = append(s.arrived[number], f.Data)
				s.mu.Unlock()
			}
		}
	}()
}

// sendUntil sends frames of each kind, again and again.
func (s *stream) sendUntil(stop chan struct{}) error {
	for {
		plain, judged := s.kinds(uint32(len(s.sent)))
		for _, data := range judged {
			number, _ := numberOf(data)
			s.judged[number] = true
		}
		for _, data := range slices.Concat(plain, judged) {
			if err := s.from.Inject(data); err != nil {
				return err
			}
			s.sent = append(s.sent, data)
		}
		select {
		case <-stop:
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// missing returns the index of a frame that has to arrive and has not, or a negative number.
func (s *stream) missing(enforced bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.IndexFunc(s.sent, func(data []byte) bool {
		number, _ := numberOf(data)
		return len(s.arrived[number]) == 0 && (!enforced || !s.judged[number])
	})
}

// arrivals counts the frames that have arrived.
func (s *stream) arrivals() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.arrived))
}

// check waits until every frame has arrived, once and as it was sent. Where invalid ones
// are dropped, each of them may be missing, and some are.
func (s *stream) check(t *testing.T, enforced bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		missing := s.missing(enforced)
		if missing < 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("frame %d of %d from %s is missing: %x", missing, len(s.sent), s.from.Name(), s.sent[missing])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := 0
	for _, data := range s.sent {
		number, _ := numberOf(data)
		came := s.arrived[number]
		if len(came) == 0 && enforced && s.judged[number] {
			dropped++
			continue
		}
		if len(came) != 1 || !slices.Equal(came[0], data) {
			t.Errorf("frame %d from %s arrived as\n%x, sent was\n%x", number, s.from.Name(), came, data)
		}
	}
	if (dropped > 0) != enforced {
		t.Errorf("%d of %d frames from %s were dropped", dropped, len(s.sent), s.from.Name())
	}
}

// Everything arrives as it was sent, once, while a tracker comes and goes: through
// attaching, a kill, a restart, an exchange of its programs by another version and "ctop
// down", with programs of others before and behind and a filter of the clsact qdisc, all
// of which go on to see every packet. With the policy enforce the same holds of valid
// packets, and of others those that arrive are as they were.
func TestWatchIsHarmless(t *testing.T) {
	for _, policy := range []flow.Policy{flow.PolicyObserve, flow.PolicyEnforce} {
		t.Run(policy.String(), func(t *testing.T) { newHarmless(t, policy).run() })
	}
}

// harmless is two hosts with a bridge between them, which send to each other while one of
// its ports is watched.
type harmless struct {
	*lab.Lab
	t       *testing.T
	ctx     context.Context
	policy  flow.Policy
	others  *others
	streams []*stream
}

func newHarmless(t *testing.T, policy flow.Policy) *harmless {
	t.Helper()
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	seen, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 6})
	if err != nil {
		t.Fatal(err)
	}
	n := &harmless{Lab: l, t: t, ctx: ctx, policy: policy, others: &others{seen: seen}}
	t.Cleanup(n.others.close)
	attachOthers(t, l.Client.Port(), false, 0, n.others)
	attachFilters(t, l.Client.Port(), 2, n.others)
	n.streams = []*stream{{from: l.Client, to: l.Server}, {from: l.Server, to: l.Client}}
	return n
}

// step has a connection transfer data.
func (n *harmless) step(when string) {
	n.t.Helper()
	if err := lab.Transfer(n.ctx, n.Client, n.Server, n.Server.Addr4(), 8<<20); err != nil {
		n.t.Errorf("%s: %v", when, err)
	}
}

// watch starts a tracker, or takes over the one that is there.
func (n *harmless) watch() *lab.Cmd {
	n.t.Helper()
	return serveWatched(n.ctx, n.t, "--policy", n.policy.String(), n.Client.Port())
}

// serveWatched runs "ctop serve" until it watches. It owns the tracker.
func serveWatched(ctx context.Context, t *testing.T, args ...string) *lab.Cmd {
	t.Helper()
	cmd, log := ctop(ctx, t, append([]string{"serve"}, args...)...), &said{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(waitTimeout); !strings.Contains(log.String(), "msg=serving"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not serve: %s", log)
		}
	}
	return cmd
}

// upgrade has another version's programs exchanged.
func (n *harmless) upgrade() *lab.Cmd {
	n.t.Helper()
	before := programs(n.t)
	makeForeign(n.t, "programs", `"programs":"`)
	cmd := n.watch()
	if programs(n.t) == before {
		n.t.Error("the programs were not exchanged")
	}
	return cmd
}

func (n *harmless) kill(cmd *lab.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (n *harmless) run() {
	stop, done := make(chan struct{}), make(chan error, len(n.streams))
	for _, s := range n.streams {
		s.start(n.ctx, n.t)
		go func() { done <- s.sendUntil(stop) }()
	}
	n.step("before")
	cmd := n.watch()
	n.step("attached")
	attachOthers(n.t, n.Client.Port(), true, 4, n.others)
	n.step("behind another program")
	n.kill(cmd)
	n.step("killed")
	cmd = n.watch()
	n.step("taken over")
	n.kill(cmd)
	cmd = n.upgrade()
	n.step("its programs exchanged")
	if out, err := ctop(n.ctx, n.t, "down", n.Client.Port()).CombinedOutput(); err != nil {
		n.t.Errorf("down: %v: %s", err, out)
	}
	_ = cmd.Wait()
	n.step("down")
	close(stop)
	for range n.streams {
		if err := <-done; err != nil {
			n.t.Fatal(err)
		}
	}
	n.check()
}

func (n *harmless) check() {
	for _, s := range n.streams {
		s.check(n.t, n.policy == flow.PolicyEnforce)
	}
	// All of them saw what passed: who stands behind, but for what was dropped.
	counts := n.others.counts(n.t)
	for i, s := range n.streams {
		arrived := s.arrivals()
		if counts[i] < arrived || counts[2+i] < arrived || counts[4+i] == 0 {
			n.t.Errorf("direction %d, of %d packets: the program behind saw %d packets, the filter %d, the program before %d", i, arrived, counts[i], counts[2+i], counts[4+i])
		}
	}
	checkDetached(n.t, n.Lab)
	if running, err := tracker.Running(); err != nil || len(running) != 0 {
		n.t.Errorf("still running: %v, %v", running, err)
	}
}
