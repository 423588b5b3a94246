package bpf

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ctop/internal/frame"
)

// Packets interrupt the programs that user space runs, on their CPU, while these delete
// and sweep the packets' own flows. As all of them come by this one CPU nothing else
// happens at once: no packet is untracked, and each is counted for the one flow of its key
// at that moment, which tells of it when it ends.
func TestProgramsAreInterrupted(t *testing.T) {
	for _, by := range hooks {
		for name, steps := range map[string][][]arrival{"UDP": datagrams(), "TCP": openings(), "places": successors()} {
			t.Run(fmt.Sprintf("%s, %s", by, name), func(t *testing.T) {
				newInterruption(t, by, steps).run()
			})
		}
	}
}

// interruption has frames come in on the CPU where user space asks for flows to end.
type interruption struct {
	*harness
	t      *testing.T
	live   *live
	cpus   []int
	steps  [][]arrival
	before ConntrackCpuStats
	ledger ledger
	// deleted is how often a flow was asked to end.
	deleted atomic.Int64
}

// arrival is a frame that comes in by a side.
type arrival struct {
	side int
	data []byte
}

func newInterruption(t *testing.T, by hook, steps [][]arrival) *interruption {
	t.Helper()
	n := &interruption{harness: newHarness(t, setup{MaxFlows: 64}), t: t, cpus: someCPUs(t, 2), steps: steps}
	if len(n.cpus) < 2 {
		t.Skip("this machine has one CPU only: nobody is there to interrupt it")
	}
	n.live = newLive(t)
	sys := t.TempDir()
	ok(t, unix.Mount("sysfs", sys, "sysfs", 0, ""))
	t.Cleanup(func() { ok(t, unix.Unmount(sys, unix.MNT_DETACH)) })
	for _, port := range n.live.ports {
		steer := filepath.Join(sys, "class/net", port.Name, "queues/rx-0/rps_cpus")
		ok(t, os.WriteFile(steer, fmt.Appendf(nil, "%x", 1<<n.cpus[0]), 0))
		l, err := n.attach(by, port.Index)
		ok(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	return n
}

// attach attaches a program where packets have been steered to their CPU before. A kernel
// without tcx has it as a filter, which goes with the interface.
func (n *interruption) attach(by hook, port int) (io.Closer, error) {
	if by == hookTC {
		l, err := link.AttachTCX(link.TCXOptions{Interface: port, Program: n.CtopTc, Attach: ebpf.AttachTCXIngress})
		if errors.Is(err, ebpf.ErrNotSupported) {
			return io.NopCloser(nil), attachFilter(port, n.CtopTc)
		}
		return l, err
	}
	return link.AttachXDP(link.XDPOptions{Program: n.CtopXdp, Interface: port, Flags: link.XDPGenericMode})
}

// attachFilter has a filter of the clsact qdisc run a program.
func attachFilter(port int, program *ebpf.Program) error {
	qdisc := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: port, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	}
	filter := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: port, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1, Protocol: unix.ETH_P_ALL},
		Fd:          program.FD(), Name: "test", DirectAction: true,
	}
	return errors.Join(netlink.QdiscAdd(qdisc), netlink.FilterAdd(filter))
}

// run goes on until enough packets are known to have come between a program's decision
// that a flow ends and its word of that: on a busy machine that takes long, and one is enough.
func (n *interruption) run() {
	n.before = n.counters()
	n.ledger = ledger{keys: map[ConntrackFlowKey]uint64{}, next: map[[2]uint32]uint64{}, asked: map[uint64]bool{}}
	n.drain()
	var stop atomic.Bool
	var sending sync.WaitGroup
	sending.Go(func() { n.send(&stop) })
	n.end(longer(10, 300))
	stop.Store(true)
	sending.Wait()
	n.settle()
	n.check()
}

// send sends frames from the other CPU. The first one begins a flow, which is asked to end
// at once; when the others come is chance. It waits for that, so that the packets leave
// time for what they are to interrupt.
func (n *interruption) send(stop *atomic.Bool) {
	defer urgently(n.t, n.cpus[1])()
	random := rand.New(rand.NewPCG(1, 2))
	for i := 0; !stop.Load(); i++ {
		step, deleted := n.steps[i%len(n.steps)], n.deleted.Load()
		err := n.live.send(step[0].side, step[0].data)
		pause(time.Duration(random.Int64N(int64(12 * time.Microsecond))))
		for _, next := range step[1:] {
			err = errors.Join(err, n.live.send(next.side, next.data))
		}
		if err != nil {
			n.t.Error(err)
			return
		}
		for n.deleted.Load() == deleted && !stop.Load() {
			pause(time.Microsecond)
		}
	}
}

// pause waits, and keeps its CPU.
func pause(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		continue
	}
}

// end has flows deleted and swept on the CPU where the packets are.
func (n *interruption) end(interrupted uint64) {
	defer urgently(n.t, n.cpus[0])()
	began := time.Now()
	for n.ledger.overtaken < interrupted && !n.t.Failed() {
		if !chaos() && n.ledger.overtaken > 0 && time.Since(began) > 30*time.Second {
			return
		}
		for range 64 {
			n.memory.Each(func(f *ConntrackFlow) {
				args := ConntrackRequestArgs{Key: f.Key, Id: f.Id, Request: ConntrackFlowRequestREQUEST_DELETE}
				n.ledger.asked[args.Id] = true
				n.syscall(n.Request, &args)
				n.deleted.Add(1)
			})
		}
		n.wait(timeouts[ConntrackTimeoutTIMEOUT_UDP_BIDIRECTIONAL])
		n.sweep(ConntrackSweepArgs{})
		n.deleted.Add(1)
		n.ledger.read(n.t, n.drain())
		n.nonePassed()
	}
}

// nonePassed checks that no packet was untracked for want of its flow or of room.
func (n *interruption) nonePassed() {
	counted := n.since(n.before)
	if untracked := counted.Untracked[ConntrackUntrackedUNTRACKED_TABLE]; untracked > 0 || counted.TableFull > 0 || counted.TableBusy > 0 {
		n.t.Errorf("%d packets found neither their flow nor room for it: %+v", untracked, counted)
	}
}

// settle waits until no packet comes any more: one that belongs to no flow has come behind all
// others.
func (n *interruption) settle() {
	n.t.Helper()
	defer onCPU(n.t, n.cpus[1])() // where they were sent
	last := udpFrame(client4, server4, 1, 2, 30)
	last.Fragment = 50
	fragments := func() uint64 { return n.counters().Untracked[ConntrackUntrackedUNTRACKED_FRAGMENT] }
	before := fragments()
	for tries := 0; fragments() == before; tries++ {
		if tries%1000 == 0 { // a queue may have dropped it
			ok(n.t, n.live.send(0, last.Bytes()))
		}
		if tries > 60_000 {
			n.t.Fatal("what was sent last does not come")
		}
		time.Sleep(time.Millisecond)
	}
}

// check compares what was counted, what was told and what is there.
func (n *interruption) check() {
	n.ledger.read(n.t, n.drain())
	n.checkTable()
	n.sumsHold(n.before)
	n.nonePassed()
	counted := n.since(n.before)
	kept := uint64(0)
	n.memory.Each(func(f *ConntrackFlow) {
		if hasFlag(f, ConntrackFlowFlagFLOW_KEPT) {
			kept++
		}
	})
	if kept != n.filling().Kept {
		n.t.Errorf("%d flows are kept, %d are counted", kept, n.filling().Kept)
	}
	sent := counted.Verdict[ConntrackVerdictVERDICT_NEW] + counted.Verdict[ConntrackVerdictVERDICT_ESTABLISHED]
	if found := n.ledger.packets + n.packets(); n.steps[0][0].data[frame.HeaderSize+9] == frame.ProtoUDP && found != sent {
		n.t.Errorf("%d packets were sent, %d were counted for flows", sent, found)
	}
	n.t.Logf("%d packets, %d flows began; %d by packets that came between the end of the one before and its event", sent, counted.Created, n.ledger.overtaken)
}

// ledger keeps account of the events of flows.
type ledger struct {
	// keys has the flow of each key that has not ended.
	keys map[ConntrackFlowKey]uint64
	// next are the numbers of the events to come of each CPU and lane.
	next map[[2]uint32]uint64
	// asked are the flows that were asked to end.
	asked map[uint64]bool
	// packets of the flows that ended.
	packets uint64
	// overtaken flows were followed by another one of their key before they said
	// that they ended.
	overtaken uint64
}

func (l *ledger) read(t *testing.T, events []ConntrackEvent) {
	t.Helper()
	for _, e := range events {
		of := [2]uint32{e.Cpu, uint32(e.Lane)}
		if want, known := l.next[of]; known && e.Sequence != want {
			t.Errorf("event %d of CPU %d and lane %d, want %d", e.Sequence, e.Cpu, e.Lane, want)
		}
		l.next[of] = e.Sequence + 1
		switch ConntrackEventType(e.Type) {
		case ConntrackEventTypeEVENT_NEW:
			if l.keys[e.Key] != 0 {
				l.overtaken++
			}
			l.keys[e.Key] = e.Id
		case ConntrackEventTypeEVENT_DESTROY:
			if l.keys[e.Key] == e.Id {
				delete(l.keys, e.Key)
			}
			l.packets += e.Packets[0] + e.Packets[1]
			if ConntrackReason(e.Reason) == ConntrackReasonREASON_DELETED && !l.asked[e.Id] {
				t.Errorf("a flow was deleted in place of the one that had its place before: %+v", e)
			}
		}
	}
}

// datagrams of two flows.
func datagrams() (steps [][]arrival) {
	for port := range uint16(2) {
		there := arrival{0, udpFrame(client4, server4, port+1, 2, 30).Bytes()}
		back := arrival{1, udpFrame(server4, client4, 2, port+1, 30).Bytes()}
		steps = append(steps, []arrival{there, there}, []arrival{there, back}, []arrival{back, there})
	}
	return steps
}

// openings are SYNs of two connections, which come again, are answered, or refused.
func openings() (steps [][]arrival) {
	for port := range uint16(2) {
		syn := arrival{0, tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port + 1, Dport: 443})}
		answer := arrival{1, tcpFrame(server4, client4, frame.Segment{Flags: frame.SYN | frame.ACK, Seq: 5000, Ack: 1001, Sport: 443, Dport: port + 1})}
		refusal := arrival{1, tcpFrame(server4, client4, frame.Segment{Flags: frame.RST | frame.ACK, Ack: 1001, Sport: 443, Dport: port + 1})}
		steps = append(steps, []arrival{syn, syn}, []arrival{syn, answer}, []arrival{syn, refusal})
	}
	return steps
}

// successors are connections that are refused while they are asked to end, and others that
// take their place at once. What comes before keeps the CPU at it, so that both come in
// one interruption.
func successors() (steps [][]arrival) {
	busy := arrival{1, udpFrame(server4, client4, 5, 6, 1200).Bytes()}
	for port := range uint16(8) {
		syn := func(port uint16) arrival {
			return arrival{0, tcpFrame(client4, server4, frame.Segment{Flags: frame.SYN, Seq: 1000, Sport: port + 1, Dport: 443})}
		}
		refusal := arrival{1, tcpFrame(server4, client4, frame.Segment{Flags: frame.RST | frame.ACK, Ack: 1001, Sport: 443, Dport: port + 1})}
		steps = append(steps, []arrival{syn(port), busy, busy, refusal, syn(port + 100)})
	}
	return steps
}
