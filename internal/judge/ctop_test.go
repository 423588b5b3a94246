package judge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/bpftest"
	"ctop/internal/script"
)

// ctopSide is the shipped program, loaded with an injected clock and run packet
// by packet.
type ctopSide struct {
	objects bpf.ConntrackObjects
	table   *bpf.Table
	config  bpf.ConntrackTrackerConfig
	stats   []bpf.ConntrackCpuStats
	before  bpf.ConntrackCpuStats
	run     ebpf.RunOptions
	// watched: the programs for a watched interface run, in place of that for a wire.
	watched bool
	// side is the one on which frames arrive.
	side int
}

// watch makes packets come in and go out by a watched interface from now on.
func (c *ctopSide) watch(t testing.TB) {
	t.Helper()
	perCPU := make([]bpf.ConntrackWatched, ebpf.MustPossibleCPU())
	for i := range perCPU {
		perCPU[i].Zone[0] = watchedZone << 44 // above the outer VLAN id, in a word of the key
	}
	if err := c.objects.Watched.Put(uint32(bpftest.Loopback), perCPU); err != nil {
		t.Fatal(err)
	}
	c.watched = true
}

// watchedZone is the zone of the watched interface.
const watchedZone = 1

// never is a timeout longer than any run.
const never = 1 << 40

func openCtop(t testing.TB) *ctopSide {
	t.Helper()
	c := &ctopSide{}
	if err := c.load(); err != nil {
		t.Fatalf("load ctop: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.objects.Close(), c.table.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *ctopSide) load() error {
	spec, err := bpf.LoadConntrack()
	if err != nil {
		return err
	}
	if err := (bpftest.Setup{MaxFlows: maxRuns, Clock: true}).LoadInto(spec, bpf.SizeTable, bpf.SetConstants, &c.objects); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	for i := range c.config.TimeoutTicks {
		c.config.TimeoutTicks[i] = never
	}
	c.config.InjectedTicks, c.config.InjectedNs = 1000, 1e9
	c.config.Points[0].Ifindex, c.config.Points[1].Ifindex = bpftest.Loopback, bpftest.Loopback+1
	return c.objects.Config.Set(&c.config)
}

// open opens the table.
func (c *ctopSide) open() (err error) {
	var hashing bpf.ConntrackHashing
	if err := c.objects.Hashing.Get(&hashing); err != nil {
		return fmt.Errorf("read the table's hash: %w", err)
	}
	maps := bpf.TableMaps{Flows: c.objects.Flows, Buckets: c.objects.Buckets, Filling: c.objects.Filling, FreePlaces: c.objects.FreePlaces, Ended: c.objects.Ended}
	c.table, err = maps.Open(hashing)
	return err
}

// policy prepares for a run.
func (c *ctopSide) policy(enforce bool) error {
	c.config.Policy = uint32(bpf.ConntrackPolicyPOLICY_OBSERVE)
	if enforce {
		c.config.Policy = uint32(bpf.ConntrackPolicyPOLICY_ENFORCE)
	}
	return c.objects.Config.Set(&c.config)
}

// flush removes all flows, and the memory of ended ones.
func (c *ctopSide) flush() {
	c.table.Clear()
	c.table.Forget()
}

// come makes the following frames arrive on the given side, 0 or 1.
func (c *ctopSide) come(side int) error {
	c.side = side
	if c.config.Points[side].Ifindex == bpftest.Loopback {
		return nil
	}
	c.config.Points[0].Ifindex, c.config.Points[1].Ifindex = c.config.Points[1].Ifindex, c.config.Points[0].Ifindex
	return c.objects.Config.Set(&c.config)
}

// play runs the program on a packet, in fragments or whole, that arrives on the
// given side. It returns the verdict and, if the program counts one, the
// reason. They are those of the first fragment, or of the first fragment with
// another verdict. Fragments after an invalid one may be untracked: nobody can
// reassemble the packet.
func (c *ctopSide) play(frames [][]byte, side int) (v Verdict, why string, err error) {
	if err := c.come(side); err != nil {
		return None, "", err
	}
	for i, frame := range frames {
		verdict, reason, err := c.playFrame(frame)
		if err != nil {
			return None, "", err
		}
		if i > 0 && verdict != v && (v != Invalid || verdict != Untracked) {
			return verdict, fmt.Sprintf("fragment_%d", i+1), nil
		}
		if i == 0 {
			v, why = verdict, reason
		}
	}
	return v, why, nil
}

// playFrame runs the program on one frame.
func (c *ctopSide) playFrame(frame []byte) (Verdict, string, error) {
	c.run.Data = frame
	program, pass, drop := c.program()
	action, err := program.Run(&c.run)
	if err != nil {
		return None, "", fmt.Errorf("run %s: %w", program, err)
	}
	verdict, why, err := c.verdict()
	if err != nil {
		return None, "", err
	}
	dropped := verdict == Invalid && c.config.Policy == uint32(bpf.ConntrackPolicyPOLICY_ENFORCE)
	if dropped && action != drop || !dropped && action != pass {
		return None, "", fmt.Errorf("verdict %s gave action %d", verdict, int32(action))
	}
	return verdict, why, nil
}

// program returns the program for the next frame, and what it returns for one that passes
// and for one that is dropped.
func (c *ctopSide) program() (program *ebpf.Program, pass, drop uint32) {
	const next = 1<<32 - 1 // TCX_NEXT
	switch {
	case !c.watched:
		return c.objects.CtopXdp, bpftest.XDPRedirect, bpftest.XDPDrop
	case c.side == 1:
		return c.objects.CtopWatchOut, next, bpftest.TCShot
	}
	return c.objects.CtopWatchIn, next, bpftest.TCShot
}

var ctopVerdicts = [...]Verdict{New, Established, Related, Invalid, Untracked}

// invalidReasons and endReasons name the program's counters.
var (
	invalidReasons = [...]string{"malformed", "flags", "no_flow", "state", "window", "reset", "icmp"}
	endReasons     = [...]string{"", "rst", "closed", "expired", "deleted", "evicted", "reused", "reset"}
)

// verdict reads what the program has counted since the last call.
func (c *ctopSide) verdict() (v Verdict, why string, err error) {
	if err := c.objects.Stats.Lookup(uint32(0), &c.stats); err != nil {
		return None, "", fmt.Errorf("read statistics: %w", err)
	}
	var now bpf.ConntrackCpuStats
	counted := 0
	for i := range c.stats {
		addStats(&now, &c.stats[i])
	}
	for i, n := range now.Verdict {
		if n != c.before.Verdict[i] {
			v, counted = ctopVerdicts[i], counted+int(n-c.before.Verdict[i])
		}
	}
	why = growth(now.Invalid[:], c.before.Invalid[:], invalidReasons[:]) +
		growth(now.Destroyed[:], c.before.Destroyed[:], endReasons[:])
	c.before = now
	if counted != 1 {
		return None, "", fmt.Errorf("one packet was counted %d times", counted)
	}
	return v, why, nil
}

func addStats(sum, s *bpf.ConntrackCpuStats) {
	for i, n := range s.Verdict {
		sum.Verdict[i] += n
	}
	for i, n := range s.Invalid {
		sum.Invalid[i] += n
	}
	for i, n := range s.Destroyed {
		sum.Destroyed[i] += n
	}
}

// growth names the counter that has increased.
func growth(now, then []uint64, names []string) string {
	for i := range now {
		if now[i] == then[i] {
			continue
		}
		if i < len(names) {
			return names[i]
		}
		return fmt.Sprint(i)
	}
	return ""
}

// state returns the state of the tuple's flow. It tries both directions, since
// only the program knows which end is first in its key.
func (c *ctopSide) state(t tuple) State {
	key := c.key(t)
	for range 2 {
		if flow := c.table.Find(&key); flow != nil {
			return State(flow.Control & 0x7f)
		}
		key.Addr[0], key.Addr[1] = key.Addr[1], key.Addr[0]
		key.Port[0], key.Port[1] = key.Port[1], key.Port[0]
	}
	return Gone
}

func (c *ctopSide) key(t tuple) bpf.ConntrackFlowKey {
	k := bpf.ConntrackFlowKey{Proto: t.proto(), Family: 4, Vlan: t.vlan}
	if c.watched {
		k.Vlan[0] |= watchedZone << 12
	}
	if t.v6() {
		k.Family = 6
	}
	for end := range 2 {
		b := t.addr[end].As16()
		k.Addr[end] = [2]uint64{binary.NativeEndian.Uint64(b[0:]), binary.NativeEndian.Uint64(b[8:])}
		k.Port[end] = networkOrder(t.port[end])
	}
	switch t.kind {
	case script.Echo, script.EchoReply:
		k.Port = [2]uint16{networkOrder(t.id), networkOrder(t.id)}
		k.IcmpType = 8
		if t.v6() {
			k.IcmpType = 128
		}
	case script.ESP:
		k.Port = [2]uint16{}
	}
	return k
}

// networkOrder returns v in network order in memory.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
