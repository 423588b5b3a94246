package bpf

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"ctop/internal/frame"
	"ctop/internal/script"
)

// variant is one way to play a sequence. Every sequence is played in all of them.
type variant struct {
	hook hook
	v6   bool
	// swapped makes the client the key's end 1. side is its interface.
	swapped bool
	side    int
	// hop sends every packet on another CPU.
	hop bool
	// base is added to all sequence numbers, so that some wrap around.
	base uint32
}

func variants() (all []variant) {
	bases := []uint32{0, 1<<32 - 4000, 1<<31 - 4000}
	for i := range 32 {
		v := variant{
			hook: hookXDP, v6: i&2 != 0, swapped: i&4 != 0, side: i >> 3 & 1,
			hop: i&16 != 0, base: bases[i%len(bases)],
		}
		if i&1 != 0 {
			v.hook = hookTC
		}
		all = append(all, v)
	}
	return all
}

func (v variant) String() string {
	return fmt.Sprintf("%s v6=%t swapped=%t side=%d hop=%t base=%#x",
		v.hook, v.v6, v.swapped, v.side, v.hop, v.base)
}

// ends returns the addresses of client and server.
func (v variant) ends() [2]netip.Addr {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	if v.v6 {
		a, b = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	}
	if v.swapped {
		a, b = b, a
	}
	return [2]netip.Addr{a, b}
}

// model is the expected state of the flow.
type model struct {
	state string
	// origin is the end that is the origin: 0 is the client.
	origin int
	// crossed means that the flow's first packet came in by the wrong side.
	crossed        bool
	packets, bytes [2]uint64
	invalid        uint16
	id             uint64
}

// player plays one sequence in one variant.
type player struct {
	*testing.T
	h    *harness
	v    variant
	step script.Step
	want script.Want
	key  ConntrackFlowKey
	flow model
	// serverBase is added to the server's sequence numbers.
	serverBase uint32
}

func TestSequences(t *testing.T) {
	h := newHarness(t, setup{})
	files, err := script.Read("testdata/*.seq")
	ok(t, err)
	for _, file := range files {
		for _, s := range file.Sequences {
			t.Run(s.Name, func(t *testing.T) {
				for _, v := range variants() {
					if v.v6 && s.OnlyIPv4() {
						continue
					}
					play(t, h, s, v)
				}
			})
		}
	}
}

func play(t *testing.T, h *harness, s *script.Sequence, v variant) {
	t.Helper()
	h.t, h.hop = t, v.hop
	h.reset()
	h.enforce(s.Enforce)
	p := &player{T: t, h: h, v: v, serverBase: v.base + 1<<20, flow: model{state: "-"}}
	defer func() {
		if t.Failed() {
			t.Logf("played as %s", v)
		}
	}()
	for _, p.step = range s.Steps {
		p.want = script.Want{}
		if p.step.Want != nil {
			p.want = *p.step.Want
		}
		if p.step.Command == "" {
			p.packet()
		} else {
			p.command()
		}
		p.checkFlow()
	}
}

func (p *player) errorf(format string, args ...any) {
	p.Helper()
	p.Fatalf("%s: %s: %s", p.step.Where, p.step.String(), fmt.Sprintf(format, args...))
}

func (p *player) command() {
	p.Helper()
	before := p.h.counters()
	switch p.step.Command {
	case "wait":
		p.h.wait(p.number())
	case "policy":
		p.h.enforce(slices.Equal(p.step.Args, []string{"enforce"}))
	case "sweep":
		p.h.sweep(ConntrackSweepArgs{})
	case "timeout":
		p.request(ConntrackFlowRequestREQUEST_TIMEOUT, p.flow.id, uint32(p.number()))
	case "delete":
		p.request(ConntrackFlowRequestREQUEST_DELETE, p.flow.id, 0)
	case "stale":
		p.request(ConntrackFlowRequestREQUEST_DELETE, p.flow.id+1, 0)
	default:
		p.errorf("is no command")
	}
	if p.want.State == "" {
		return
	}
	p.checkEvents(0, before, p.h.drain())
	if p.want.State == "-" {
		p.flow = model{state: "-"}
	}
}

// number returns the argument of a command.
func (p *player) number() uint64 {
	p.Helper()
	if len(p.step.Args) != 1 {
		p.errorf("needs one number")
	}
	n, err := strconv.ParseUint(p.step.Args[0], 10, 64)
	if err != nil {
		p.errorf("%v", err)
	}
	return n
}

// syscall runs one of the programs for requests of user space.
func (h *harness) syscall(program *ebpf.Program, args any) {
	h.t.Helper()
	_, err := program.Run(&ebpf.RunOptions{Context: args, ContextOut: args})
	ok(h.t, err)
}

// sweep sweeps the whole table, and returns what that counts.
func (h *harness) sweep(args ConntrackSweepArgs) ConntrackSweepArgs {
	h.t.Helper()
	for args.Part = 1; args.Part != 0; {
		h.syscall(h.Sweep, &args)
	}
	return args
}

func (p *player) request(request ConntrackFlowRequest, id uint64, ticks uint32) {
	p.Helper()
	args := ConntrackRequestArgs{Key: p.key, Id: id, Request: request, TimeoutTicks: ticks}
	p.h.syscall(p.h.Request, &args)
	if done := args.Done != 0; done != (id == p.flow.id && id != 0) {
		p.errorf("done is %t", done)
	}
}

// build returns the packet of the current step.
func (p *player) build() frame.Frame {
	p.Helper()
	s := p.step
	if s.Kind == script.Quote || s.Crossed || s.MTU != 0 || s.Spoiled || s.Differs != "" {
		p.errorf("is not for this player")
	}
	from := s.Dir()
	bases := [2]uint32{p.v.base, p.serverBase}
	if !s.RawSeq {
		s.Seq += bases[from]
	}
	if !s.RawAck && (s.Ack != 0 || s.Has(frame.ACK)) {
		s.Ack += bases[1-from]
	}
	ends := script.Ends{Addr: p.v.ends(), Port: [2]uint16{40000, 80}, ID: 77}
	f := ends.Frame(&s, nil)
	switch f.Proto {
	case frame.ProtoTCP, frame.ProtoUDP:
		p.key, _ = keyOf(f, ends.Port[from], ends.Port[1-from])
	case frame.ProtoICMP, frame.ProtoICMPv6:
		p.key = icmpKey(f, s.Kind.Type(p.v.v6), ends.ID)
	default:
		p.key, _ = keyOf(f, 0, 0)
	}
	return f
}

// packet sends the packet of the step, and checks counters and events.
func (p *player) packet() {
	p.Helper()
	from := p.step.Dir()
	data := p.build().Bytes()
	side := from ^ p.v.side
	if p.step.Stray {
		side = 1 - side
	}
	p.h.come(side)
	before := p.h.counters()
	forwarded := p.h.run(p.v.hook, data)
	verdict, reason := p.want.Verdict, p.want.Reason
	old := reason == "old"
	if old {
		reason = ""
	}
	invalid := verdict == "invalid"
	if want := !invalid || p.h.config.Policy == 0; forwarded != want {
		p.errorf("forwarded is %t, want %t (%s)", forwarded, want, p.describe(before))
	}
	p.checkCounters(before, verdict, reason, forwarded, len(data))
	events := p.h.drain()
	if p.want.Ended != "" || p.flow.state == "-" {
		p.begin(from, events)
	}
	if invalid && p.want.State != "-" {
		p.flow.invalid++
	} else if !invalid && !old {
		direction := from ^ p.flow.origin
		p.flow.packets[direction]++
		p.flow.bytes[direction] += uint64(len(data))
	}
	p.checkEvents(from, before, events)
}

// begin starts a new model if the step began a flow. A flow that begins with an answer
// has the other end as its origin.
func (p *player) begin(from int, events []ConntrackEvent) {
	if p.want.State == "-" {
		return
	}
	p.flow.state = "-"
	if p.want.Ended != "" {
		// checkEnd compares the last numbers of the old flow.
		p.checkEnd(from, events)
	}
	p.flow = model{state: "-", origin: from, crossed: p.step.Stray}
	if p.step.Has(frame.SYN | frame.ACK) {
		p.flow.origin = 1 - from
	}
}

func fieldOf(f *ConntrackFlow, name string) string {
	side, name, _ := strings.Cut(name, ".")
	at := 0
	if side == "r" {
		at = 1
	}
	d, t := f.Dir[at], f.Traffic(at)
	values := map[string]uint64{
		"retransmits": uint64(t.Retransmits), "reordered": uint64(t.Reordered), "zero": uint64(d.ZeroWindows),
		"wscale": uint64(d.Wscale), "rtt": uint64(t.RttUs),
	}
	value, known := values[name]
	if !known {
		return "unknown"
	}
	return strconv.FormatUint(value, 10)
}
