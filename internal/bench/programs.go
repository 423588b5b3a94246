package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	reference "ctop/internal/bench/bpf"
	"ctop/internal/bpftest"
)

// Names of programs, of ctop and of the reference.
const (
	progCtop     = "ctop_xdp"
	progPass     = "ref_pass"
	progRedirect = "ref_redirect"
	progLookup   = "ref_lookup"
	progLocked   = "short_locked"
	progInsert   = "ref_insert"
	progSink     = "ref_sink"
	progTC       = "ref_tc_redirect"
	progTCPass   = "ref_tc_pass"
	progTCLookup = "ref_tc_lookup"
	progCtopTC   = "ctop_tc"
	progWatch    = "ctop_watch_in"
	progStage    = "ref_stage"
)

// programs are ctop's programs and the reference programs, sharing one table.
type programs struct {
	ctop, reference, short *ebpf.Collection
}

func (p *programs) close() {
	for _, c := range []*ebpf.Collection{p.ctop, p.reference, p.short} {
		if c != nil {
			c.Close()
		}
	}
}

// loadPrograms loads all programs with a table of that capacity. If object is
// not empty, it names an object file to use instead of the built-in one.
func loadPrograms(capacity int, object string, virtual bool) (_ *programs, err error) {
	p := new(programs)
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.ctop, err = loadCtop(capacity, object, virtual); err != nil {
		return nil, fmt.Errorf("load ctop: %w", err)
	}
	if p.reference, err = loadReference(capacity, 0); err != nil {
		return nil, fmt.Errorf("load the reference: %w", err)
	}
	if p.short, err = loadShort(p.ctop); err != nil {
		return nil, fmt.Errorf("load the fast path: %w", err)
	}
	return p, errors.Join(p.configure(), bpftest.SetOutputs(p.reference, bpftest.Loopback), bpftest.SetOutputs(p.short, bpftest.Loopback))
}

// loadCtop loads the tracker as shipped, for physical links, or for virtual ones, whose
// senders leave checksums undone.
func loadCtop(capacity int, object string, virtual bool) (*ebpf.Collection, error) {
	spec, err := bpf.LoadConntrack()
	if object != "" {
		spec, err = ebpf.LoadCollectionSpec(object)
	}
	if err != nil {
		return nil, err
	}
	return bpftest.Setup{MaxFlows: capacity, CompleteChecksums: virtual}.Load(spec, bpf.SizeTable, bpf.SetConstants)
}

// loadShort loads only the fast path, with ctop's table.
func loadShort(ctop *ebpf.Collection) (*ebpf.Collection, error) {
	spec, err := reference.LoadShort()
	if err != nil {
		return nil, err
	}
	table := map[string]*ebpf.Map{}
	for _, name := range []string{"flows", "buckets", ".data.hashing"} {
		table[name] = ctop.Maps[name]
		spec.Maps[name].MaxEntries = table[name].MaxEntries()
		spec.Maps[name].Flags = table[name].Flags()
	}
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: table})
}

// loadReference loads the reference programs with a hash map of that capacity.
func loadReference(capacity, output int) (*ebpf.Collection, error) {
	spec, err := reference.LoadReference()
	if err != nil {
		return nil, err
	}
	if err := spec.Variables["output_ifindex"].Set(uint32(output)); err != nil {
		return nil, fmt.Errorf("set output_ifindex: %w", err)
	}
	spec.Maps["flows"].MaxEntries = uint32(capacity)
	return ebpf.NewCollection(spec)
}

// configure sets timeouts so long that nothing expires. All packets of a test
// run arrive on one interface, so their direction is used as the side.
func (p *programs) configure() error {
	var config bpf.ConntrackTrackerConfig
	for i := range config.TimeoutTicks {
		config.TimeoutTicks[i] = 1 << 30
	}
	config.Points[0].Ifindex, config.Points[1].Ifindex = bpftest.Loopback, bpftest.Loopback+1
	config.Points[0].To, config.Points[1].To = bpftest.Loopback, bpftest.Loopback
	config.SidesUnknown = 1
	return p.ctop.Variables["config"].Set(config)
}

// program returns a program by name.
func (p *programs) program(name string) *ebpf.Program {
	for _, c := range []*ebpf.Collection{p.ctop, p.short} {
		if prog, ok := c.Programs[name]; ok {
			return prog
		}
	}
	return p.reference.Programs[name]
}

// ticks reads the kernel's clock like the programs.
func (p *programs) ticks() (uint64, error) {
	var args bpf.ConntrackClockArgs
	_, err := p.ctop.Programs["read_clock"].Run(&ebpf.RunOptions{Context: args, ContextOut: &args})
	if err != nil {
		return 0, fmt.Errorf("read the kernel's clock: %w", err)
	}
	return args.Ticks, nil
}
