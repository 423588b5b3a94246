package main

import (
	"context"
	"fmt"
	"math"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/bpftest"
)

// Sizes of the tables in which packets are measured.
const (
	smallTable  = 1 << 16
	middleTable = 1 << 17
	largeTable  = 1 << 20
	middleFlows = 1 << 16
	largeFlows  = 1 << 20
	// middleTables are measured in turn.
	middleTables = 4
)

// repeats is the number of packets of one sample: some milliseconds' worth.
const repeats = 60000

// XDP actions, and those of tc.
const (
	xdpPass     = bpftest.XDPPass
	xdpRedirect = bpftest.XDPRedirect
	tcPass      = 0
	tcRedirect  = bpftest.TCRedirect
	tcNext      = math.MaxUint32
)

// perPacket runs a program repeatedly on the frame, and returns the nanoseconds
// of this thread for each run. It measures the overhead of a test run, a tenth
// of a millisecond or more, right before with pass, which does nothing.
func perPacket(pass, prog *ebpf.Program, data []byte, repeat int, want uint32) (float64, error) {
	const few = 2
	passes := uint32(xdpPass)
	if pass.Type() == ebpf.SchedCLS {
		passes = tcPass
	}
	ends, err := timed(pass, data, few, passes)
	if err != nil {
		return 0, err
	}
	took, err := timed(prog, data, repeat, want)
	return float64(took-ends) / float64(repeat-few), err
}

func timed(prog *ebpf.Program, data []byte, repeat int, want uint32) (int64, error) {
	o := &ebpf.RunOptions{Data: data, Repeat: uint32(repeat)}
	release, err := undisturbed()
	if err != nil {
		return 0, err
	}
	defer release()
	start := threadTime()
	action, err := prog.Run(o)
	took := threadTime() - start
	if err == nil && action != want {
		err = fmt.Errorf("the program returned %d, not %d", action, want)
	}
	return took, err
}

// bench has the tables in which packets are measured.
type bench struct {
	// One flow of each kind, always with the same packet; one flow with
	// different packets; very many flows.
	small, single, large *programs
	// Many flows, in tables that lie in different memory: by that alone a look-up
	// takes up to a tenth more or less.
	middle []*programs
	// virtual is small, loaded for virtual links.
	virtual *programs
	cpu     int
}

func (b *bench) close() {
	for _, p := range append(b.middle, b.small, b.single, b.large, b.virtual) {
		if p != nil {
			p.close()
		}
	}
}

// newBench loads the programs with their tables and fills these.
func newBench(object string, cpu int) (_ *bench, err error) {
	b := &bench{cpu: cpu}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.addMiddle(object); err != nil {
		return nil, err
	}
	for _, table := range []struct {
		programs        **programs
		capacity, flows int
	}{{&b.small, smallTable, 1}, {&b.single, smallTable, 1}, {&b.large, largeTable, largeFlows}} {
		if err := b.add(table.programs, object, table.capacity, table.flows); err != nil {
			return nil, err
		}
	}
	if err := b.addVirtual(object); err != nil {
		return nil, err
	}
	return b, b.settle()
}

// addVirtual loads the programs for virtual links, with one flow.
func (b *bench) addVirtual(object string) (err error) {
	if b.virtual, err = loadPrograms(smallTable, object, true); err != nil {
		return err
	}
	return b.enter(b.virtual, 1)
}

// add loads the programs with one more table and fills it.
func (b *bench) add(to **programs, object string, capacity, flows int) error {
	p, err := loadPrograms(capacity, object, false)
	if err != nil {
		return err
	}
	*to = p
	return b.enter(p, flows)
}

// addMiddle does so for the tables of many flows.
func (b *bench) addMiddle(object string) error {
	b.middle = make([]*programs, middleTables)
	for i := range b.middle {
		if err := b.add(&b.middle[i], object, middleTable, middleFlows); err != nil {
			return err
		}
	}
	return nil
}

// enter inserts flows into a table.
func (b *bench) enter(p *programs, flows int) error {
	ticks, err := p.ticks()
	if err != nil {
		return err
	}
	if err := fill(p.program(progCtop), dataFrame(), flows, ticks, b.cpu); err != nil {
		return err
	}
	if err := fillHash(p.reference.Maps["flows"], dataFrame(), flows); err != nil {
		return err
	}
	return dataFrame().randomly(flows).apply(p.reference, p.program(progRedirect))
}

// settle inserts one flow of each kind into the small table.
func (b *bench) settle() error {
	ticks, err := b.small.ticks()
	if err != nil {
		return err
	}
	for _, f := range settled() {
		if err := fill(b.small.program(progCtop), f, 1, ticks, b.cpu); err != nil {
			return err
		}
	}
	// The same flow with a lock and a fine clock.
	locked := struct {
		Lock, Pad uint32
		Seen      uint64
		Flow      bpf.ConntrackFlow
	}{Flow: dataFrame().established(1, ticks, b.cpu)}
	return b.small.short.Maps["locked_flows"].Put(dataFrame().key(0), locked)
}

func settled() []frame {
	return []frame{
		{proto: protoTCP, flags: flagACK, six: true},
		{proto: protoTCP, flags: flagACK, vlan: 5},
		{proto: protoUDP},
		{proto: protoICMP},
	}
}

// plain measures a program with the same frame each time.
func (b *bench) plain(name, prog string, f frame, want uint32) probe {
	data := f.bytes()
	return probe{name: name, unit: "ns", take: func(context.Context) (float64, error) {
		return perPacket(b.small.program(progPass), b.small.program(prog), data, repeats, want)
	}}
}

// tc measures a program of the tc hook with the same frame each time.
func (b *bench) tc(name, prog string, f frame, want uint32) probe {
	data := f.bytes()
	return probe{name: name, unit: "ns", take: func(context.Context) (float64, error) {
		return perPacket(b.small.program(progTCPass), b.small.program(prog), data, repeats, want)
	}}
}

// veth measures the tracker with the same frame each time, as it is loaded for virtual
// links.
func (b *bench) veth(name string, f frame) probe {
	data := f.bytes()
	return probe{name: name, unit: "ns", take: func(context.Context) (float64, error) {
		return perPacket(b.virtual.program(progPass), b.virtual.program(progCtop), data, repeats, xdpRedirect)
	}}
}

// staged measures a program with different packets, in several tables in turn. The
// sequence numbers continue from sample to sample.
func staged(name, prog string, tables ...*programs) probe {
	data, taken := dataFrame().bytes(), 0
	return probe{name: name, unit: "ns", take: func(context.Context) (float64, error) {
		p := tables[taken%len(tables)]
		taken++
		if err := p.reference.Maps["subject"].Put(uint32(0), p.program(prog)); err != nil {
			return 0, err
		}
		return perPacket(p.program(progPass), p.program(progStage), data, repeats, xdpRedirect)
	}}
}

// packetProbes returns all measurements by packet.
func (b *bench) packetProbes() []probe {
	six, tagged := dataFrame(), dataFrame()
	six.six, tagged.vlan = true, 5
	probes := []probe{
		b.plain("XDP_PASS", progPass, dataFrame(), xdpPass),
		b.plain("redirect", progRedirect, dataFrame(), xdpRedirect),
		b.plain("look-up + redirect", progLookup, dataFrame(), xdpRedirect),
		b.plain("lock per packet", progLocked, dataFrame(), xdpRedirect),
		b.plain("ctop TCP v4 data", progCtop, dataFrame(), xdpRedirect),
		b.plain("ctop TCP v4 ACK", progCtop, ackFrame(), xdpRedirect),
		b.plain("ctop TCP v6 data", progCtop, six, xdpRedirect),
		b.plain("ctop TCP v4 VLAN", progCtop, tagged, xdpRedirect),
		b.plain("ctop UDP answered", progCtop, frame{proto: protoUDP, size: payloadSize}, xdpRedirect),
		b.plain("ctop ICMP echo", progCtop, frame{proto: protoICMP}, xdpRedirect),
		b.veth("ctop TCP v4 data, veth", dataFrame()),
		b.tc("tc redirect", progTC, dataFrame(), tcRedirect),
		b.tc("tc look-up + redirect", progTCLookup, dataFrame(), tcRedirect),
		b.tc("ctop tc, TCP v4 data", progCtopTC, dataFrame(), tcRedirect),
		b.tc("ctop tc, TCP v6 data", progCtopTC, six, tcRedirect),
		b.tc("ctop tc, UDP answered", progCtopTC, frame{proto: protoUDP, size: payloadSize}, tcRedirect),
	}
	for _, table := range []struct {
		name   string
		tables []*programs
	}{{"1 flow", []*programs{b.single}}, {"64 Ki flows", b.middle}, {"1 Mi flows", []*programs{b.large}}} {
		for _, subject := range []struct{ name, prog string }{
			{"redirect", progRedirect}, {"look-up + redirect", progLookup}, {"ctop", progCtop},
		} {
			probes = append(probes, staged(stagedName(subject.name, table.name), subject.prog, table.tables...))
		}
	}
	return probes
}

// stagedName names a row with different packets.
func stagedName(subject, flows string) string { return fmt.Sprintf("%s, any of %s", subject, flows) }

// packets measures the cost of one packet.
func packets(ctx context.Context, o Options) (_ []Row, err error) {
	release, err := pin(packetCPU)
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := newBench("", packetCPU)
	if err != nil {
		return nil, err
	}
	defer b.close()
	rows, err := interleave(ctx, o.rounds(120, 20), b.packetProbes())
	if err != nil {
		return nil, err
	}
	more, err := creationRows(ctx, o)
	return append(rows, more...), err
}
