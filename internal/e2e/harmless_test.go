package e2e

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"ctop/internal/frame"
	"ctop/internal/lab"
	"ctop/tracker"
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
}

// streamMark is in every frame of a stream, before its number.
const streamMark = "harmless"

// kinds returns frames with the mark and the number at their end: plain ones, such as
// the tracker calls invalid, and such as it does not understand.
func (s *stream) kinds(number uint32) [][]byte {
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
	malformed := with(func(f *frame.Frame) {
		segment(0x10)(f)
		f.L4[12] = 0x10 // its header is too short
	})
	unknown := with(func(*frame.Frame) {})
	binary.BigEndian.PutUint16(unknown[12:], 0x88b5)
	return [][]byte{
		with(func(*frame.Frame) {}),
		with(func(f *frame.Frame) { f.Src, f.Dst = s.from.Addr6(), s.to.Addr6() }),
		with(func(f *frame.Frame) { f.VLANs = []uint16{7} }),
		with(func(f *frame.Frame) { f.VLANs = []uint16{7, 8, 9, 10} }),
		with(func(f *frame.Frame) { f.Checksum = frame.Wrong }),
		with(func(f *frame.Frame) { f.Fragment = 0x2000 }),
		with(func(f *frame.Frame) { f.Options = []byte{1, 1, 1, 0} }),
		with(segment(0x02)), with(segment(0x03)), with(segment(0x10)), with(segment(0x04)), // SYN, SYN+FIN, ACK, RST
		malformed, unknown,
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
	s.arrived = map[uint32][][]byte{}
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
		for _, data := range s.kinds(uint32(len(s.sent))) {
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

// check waits until every frame has arrived, once and as it was sent.
func (s *stream) check(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		missing := slices.IndexFunc(s.sent, func(data []byte) bool {
			number, _ := numberOf(data)
			return len(s.arrived[number]) == 0
		})
		s.mu.Unlock()
		if missing < 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("frame %d of %d from %s is missing: %x", missing, len(s.sent), s.from.Name(), s.sent[missing])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, data := range s.sent {
		number, _ := numberOf(data)
		if came := s.arrived[number]; len(came) != 1 || !slices.Equal(came[0], data) {
			t.Errorf("frame %d from %s arrived as\n%x, sent was\n%x", number, s.from.Name(), came, data)
		}
	}
}

// others are a program at each tcx hook of an interface, and a filter of the clsact qdisc
// in each direction, which count the packets that they see.
type others struct {
	seen  *ebpf.Map
	links []link.Link
	prog  []*ebpf.Program
}

func (o *others) close() {
	for _, l := range o.links {
		_ = l.Close()
	}
	for _, p := range o.prog {
		_ = p.Close()
	}
	_ = o.seen.Close()
}

// counting returns a program that counts in a slot and returns a verdict.
func (o *others) counting(t *testing.T, slot uint32, verdict int32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "GPL", Name: "other",
		Instructions: asm.Instructions{
			asm.StoreImm(asm.RFP, -4, int64(slot), asm.Word),
			asm.LoadMapPtr(asm.R1, o.seen.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "end"),
			asm.Mov.Imm(asm.R1, 1), asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, verdict).WithSymbol("end"), asm.Return(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.prog = append(o.prog, p)
	return p
}

// tcUnspec lets the next program see the packet.
const tcUnspec = -1

func attachOthers(t *testing.T, name string, anchor link.Anchor, slot uint32, o *others) {
	t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		l, err := link.AttachTCX(link.TCXOptions{
			Interface: iface.Index, Program: o.counting(t, slot+uint32(i), tcUnspec), Attach: at, Anchor: anchor,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.links = append(o.links, l)
	}
}

// attachFilters attaches a filter of the clsact qdisc in each direction.
func attachFilters(t *testing.T, name string, slot uint32, o *others) {
	t.Helper()
	on, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: on.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}); err != nil {
		t.Fatal(err)
	}
	for i, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		if err := netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{LinkIndex: on.Attrs().Index, Parent: parent, Priority: 7, Protocol: 3},
			Fd:          o.counting(t, slot+uint32(i), tcUnspec).FD(), Name: "other", DirectAction: true,
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// counts returns what each of them has seen.
func (o *others) counts(t *testing.T) (seen []uint64) {
	t.Helper()
	for slot := range uint32(o.seen.MaxEntries()) {
		var n uint64
		if err := o.seen.Lookup(slot, &n); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, n)
	}
	return seen
}

// Everything arrives as it was sent, once, while a tracker comes and goes: through
// attaching, a kill, a restart and "ctop down", with programs of others before and behind
// and a filter of the clsact qdisc, all of which go on to see every packet.
func TestWatchIsHarmless(t *testing.T) {
	l, ctx := newLabWith(t, lab.Options{Bridge: true})
	port := l.Client.Port()
	seen, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 6})
	if err != nil {
		t.Fatal(err)
	}
	o := &others{seen: seen}
	defer o.close()
	attachOthers(t, port, link.Tail(), 0, o)
	attachFilters(t, port, 2, o)
	streams := []*stream{{from: l.Client, to: l.Server}, {from: l.Server, to: l.Client}}
	stop, done := make(chan struct{}), make(chan error, len(streams))
	for _, s := range streams {
		s.start(ctx, t)
		go func() { done <- s.sendUntil(stop) }()
	}
	step := func(when string) {
		t.Helper()
		if err := lab.Transfer(ctx, l.Client, l.Server, l.Server.Addr4(), 8<<20); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	watch := func() *lab.Cmd {
		cmd := ctop(ctx, t, "events", port)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitWatched(ctx, t, port)
		return cmd
	}
	step("before")
	cmd := watch()
	step("attached")
	attachOthers(t, port, link.Head(), 4, o)
	step("behind another program")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	step("killed")
	cmd = watch()
	step("taken over")
	if out, err := ctop(ctx, t, "down", port).CombinedOutput(); err != nil {
		t.Errorf("down: %v: %s", err, out)
	}
	_ = cmd.Wait()
	step("down")
	close(stop)
	for range streams {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range streams {
		s.check(t)
	}
	// All of them saw what passed.
	counts := o.counts(t)
	for i, s := range streams {
		if sent := uint64(len(s.sent)); counts[i] < sent || counts[2+i] < sent || counts[4+i] == 0 {
			t.Errorf("direction %d: the program behind saw %d packets, the filter %d, the program before %d", i, counts[i], counts[2+i], counts[4+i])
		}
	}
	checkDetached(t, l)
	if running, err := tracker.Running(); err != nil || len(running) != 0 {
		t.Errorf("still running: %v, %v", running, err)
	}
}
