package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/cilium/ebpf"

	"ctop/bpf"
	"ctop/internal/bpftest"
)

// variants measures several builds of ctop in turn, with the most important
// packets and with new flows, to evaluate a change.
func variants(ctx context.Context, o Options, objects []string) ([]Row, error) {
	release, err := pin(packetCPU)
	if err != nil {
		return nil, err
	}
	defer release()
	var probes []probe
	for i, object := range append([]string{""}, objects...) {
		b, err := newVariant(object)
		if err != nil {
			return nil, err
		}
		defer b.close()
		if err := errors.Join(b.addVirtual(object), b.watch()); err != nil {
			return nil, err
		}
		if i == 0 {
			probes = append(probes, b.plain("redirect", progRedirect, dataFrame(), xdpRedirect),
				b.plain("look-up + redirect", progLookup, dataFrame(), xdpRedirect))
		}
		six := dataFrame()
		six.six = true
		name := variantName(object)
		probes = append(probes, b.plain(name+" v4 data", progCtop, dataFrame(), xdpRedirect),
			b.plain(name+" v4 ACK", progCtop, ackFrame(), xdpRedirect),
			b.plain(name+" v6 data", progCtop, six, xdpRedirect),
			b.plain(name+" UDP", progCtop, frame{proto: protoUDP, size: payloadSize}, xdpRedirect),
			b.veth(name+" v4 data, veth", dataFrame()),
			b.tc(name+" v4 data, tc", progCtopTC, dataFrame(), tcRedirect),
			b.tc(name+" v6 data, tc", progCtopTC, six, tcRedirect),
			b.tc(name+" v4 data, watched", progWatch, dataFrame(), tcNext))
	}
	rows, err := compare(ctx, o.rounds(300, 60), probes)
	if err != nil {
		return nil, err
	}
	many, err := manyVariants(ctx, o, objects)
	if err != nil {
		return nil, err
	}
	created, err := creationVariants(ctx, o, objects)
	return append(append(rows, many...), created...), err
}

// watch makes the tracker watch the interface at which packets of a test run arrive.
func (b *bench) watch() error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	return b.small.ctop.Maps["watched"].Put(uint32(bpftest.Loopback), make([]bpf.ConntrackWatched, cpus))
}

// manyVariants measures packets of any of many flows in the same builds.
func manyVariants(ctx context.Context, o Options, objects []string) ([]Row, error) {
	const flows = "64 Ki flows"
	var probes []probe
	for i, object := range append([]string{""}, objects...) {
		b := &bench{cpu: packetCPU}
		defer b.close()
		if err := b.addMiddle(object); err != nil {
			return nil, err
		}
		if i == 0 {
			probes = append(probes, staged(stagedName("redirect", flows), progRedirect, b.middle...),
				staged(stagedName("look-up + redirect", flows), progLookup, b.middle...))
		}
		probes = append(probes, staged(stagedName(variantName(object), flows), progCtop, b.middle...))
	}
	return compare(ctx, o.rounds(100, 30), probes)
}

// creationVariants measures new flows in the same builds.
func creationVariants(ctx context.Context, o Options, objects []string) ([]Row, error) {
	syn := []step{{flags: flagSYN, seq: clientSeq}}
	var probes []probe
	for i, object := range append([]string{""}, objects...) {
		c, err := newCreation(ctx, object)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if i == 0 {
			probes = append(probes, c.probe("redirect, a new flow each", progRedirect, syn, nil),
				c.probe("bare insert", progInsert, syn, nil))
		}
		name := variantName(object)
		probes = append(probes, c.probe(name+" SYN that creates", progCtop, syn, nil),
			c.probe(name+" SYN that creates, event read", progCtop, syn, c.attach),
			c.probe(name+" conversation of 10 packets", progCtop, conversation(), nil))
	}
	return compare(ctx, o.rounds(100, 20), probes)
}

// compare takes samples of all probes in turn, and notes their ratios to the
// second one.
func compare(ctx context.Context, rounds int, probes []probe) ([]Row, error) {
	rows, err := interleave(ctx, rounds, probes)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Note = "/ " + rows[1].Name + " " + figure(medianOfRatios(rows[i], rows[1]))
	}
	return rows, nil
}

// medianOfRatios returns the median of the ratios of samples of one round, the best
// estimate on a shared machine.
func medianOfRatios(of, by Row) float64 {
	var r Row
	for i := range min(len(of.Samples), len(by.Samples)) {
		r.Samples = append(r.Samples, of.Samples[i]/by.Samples[i])
	}
	r.summarise()
	return r.Median
}

func variantName(object string) string {
	if object == "" {
		return "built-in"
	}
	return filepath.Base(object)
}

// newVariant loads one build with a small table.
func newVariant(object string) (_ *bench, err error) {
	b := &bench{cpu: packetCPU}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.add(&b.small, object, smallTable, 1); err != nil {
		return nil, err
	}
	return b, b.settle()
}
