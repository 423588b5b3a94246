package main

import (
	"context"
	"path/filepath"
)

// variants measures several builds of ctop in turn, with the packets that matter
// most: to find out what a change to the short way is worth.
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
		if i == 0 {
			probes = append(probes, b.plain("redirect", progRedirect, dataFrame(), xdpRedirect),
				b.plain("look-up + redirect", progLookup, dataFrame(), xdpRedirect))
		}
		six := dataFrame()
		six.six = true
		name := variantName(object)
		probes = append(probes, b.plain(name+" v4 data", progCtop, dataFrame(), xdpRedirect),
			b.plain(name+" v4 ACK", progCtop, ackFrame(), xdpRedirect),
			b.plain(name+" v6 data", progCtop, six, xdpRedirect))
	}
	rows, err := interleave(ctx, o.rounds(300, 60), probes)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Note = "/ look-up + redirect " + figure(paired(rows[i], rows[1]))
	}
	return rows, nil
}

// paired is the median of the ratios of samples of one round: what a machine
// that others use, too, shows best.
func paired(of, by Row) float64 {
	var r Row
	for i := range of.Samples {
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

// newVariant loads one build around a small table.
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
