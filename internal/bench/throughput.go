package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ctop/internal/lab"
)

// offloads is the work that hosts leave to their links.
type offloads string

const (
	// offloadsOn is the default of a veth pair: segmentation and checksums are
	// left to virtual hardware.
	offloadsOn offloads = "offloads on"
	// checksumsDone is the same, but the sender computes checksums.
	checksumsDone offloads = "checksums done"
	// offloadsOff makes the sender build every packet as it goes on the wire.
	offloadsOff offloads = "offloads off"
)

// load is the traffic sent through a rig.
type load struct {
	name, unit string
	args       []string
}

var (
	oneStream   = load{"TCP one stream", "Gbit/s", nil}
	fourStreams = load{"TCP four streams", "Gbit/s", []string{"-P", "4"}}
	datagrams   = load{"UDP at 1 Gbit/s", "Gbit/s", []string{"-u", "-b", "1G"}}
)

// setting is one forwarder under one load.
type setting struct {
	load
	how  forwarder
	with offloads
}

func (s setting) name() string { return fmt.Sprintf("%s, %s, %s", s.load.name, s.how, s.with) }

// through names the row of a setting.
func through(l load, how forwarder, with offloads) string {
	return setting{load: l, how: how, with: with}.name()
}

// settings lists the measurements. XDP loses the metadata of unfinished
// checksums, so a bare redirect works only if the sender computes them.
func settings(o Options) []setting {
	ways := []setting{
		{how: byXDP, with: checksumsDone},
		{how: byNative, with: checksumsDone},
		{how: byNative, with: offloadsOn},
		{how: byTCX, with: offloadsOn},
		{how: byTC, with: offloadsOn},
		{how: byRouter, with: offloadsOn},
	}
	loads := []load{oneStream}
	if !o.Quick {
		ways = append(ways, setting{how: byBridge, with: offloadsOn}, setting{how: byGeneric, with: offloadsOff})
		for _, how := range []forwarder{byTCX, byTC, byRouter, byBridge} {
			ways = append(ways, setting{how: how, with: offloadsOff})
		}
		loads = []load{oneStream, fourStreams, datagrams}
	}
	var all []setting
	for _, l := range loads {
		for _, s := range ways {
			s.load = l
			all = append(all, s)
		}
	}
	return all
}

// throughput measures the throughput of every forwarder.
func throughput(ctx context.Context, o Options) ([]Row, error) {
	if missing := lacks("iperf3"); missing != "" {
		return []Row{{Name: "TCP and UDP", Missing: missing}}, nil
	}
	rigs := map[forwarder]*rig{}
	defer func() {
		for _, r := range rigs {
			r.close()
		}
	}()
	var probes []probe
	var left []Row
	for _, s := range settings(o) {
		if missing := s.how.missing(); missing != "" {
			left = append(left, Row{Name: s.name(), Missing: missing})
			continue
		}
		if rigs[s.how] == nil {
			r, err := newRig(ctx, len(rigs)+1, s.how, smallTable)
			if err != nil {
				return nil, err
			}
			rigs[s.how] = r
			if err := r.serve(ctx); err != nil {
				return nil, err
			}
		}
		probes = append(probes, rigs[s.how].probe(s))
	}
	rows, err := interleave(ctx, o.rounds(4, 1), probes)
	return append(rows, left...), err
}

// serve starts the server in the rig's lab, and gives both hosts a queue for
// back-pressure, which a link with XDP lacks.
func (r *rig) serve(ctx context.Context) error {
	for _, host := range r.hosts() {
		if err := host.SetQueue(true); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	server := r.Server.Command(ctx, "iperf3", "-s")
	if err := server.Start(); err != nil {
		stop()
		return fmt.Errorf("start iperf3: %w", err)
	}
	r.stop = append(r.stop, func() {
		stop()
		_ = server.Wait()
	})
	return r.awaitServer(ctx)
}

// awaitServer waits until a little data arrives.
func (r *rig) awaitServer(ctx context.Context) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := r.Client.Command(ctx, "iperf3", "-n", "1K", "-c", r.Server.Addr4().String()).Run()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("reach iperf3 through %s: %w", r.how, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// probe measures one load through the rig.
func (r *rig) probe(s setting) probe {
	var seen []beside
	return probe{name: s.name(), unit: s.unit, take: func(ctx context.Context) (float64, error) {
		if err := r.setOffloads(s.with); err != nil {
			return 0, err
		}
		before := busy()
		rate, b, err := r.send(ctx, s.load)
		if err != nil {
			return 0, err
		}
		b.cpus = busy().since(before)
		seen = append(seen, b)
		if r.how == byRouter {
			err = r.checkTracked()
		}
		return rate, err
	}, note: func() string { return summary(s.load, seen) }}
}

// setOffloads sets the offloads of both hosts' links.
func (r *rig) setOffloads(with offloads) error {
	off := map[offloads][]lab.Offload{
		offloadsOn:    nil,
		checksumsDone: {lab.TxChecksum},
		offloadsOff:   {lab.TxChecksum, lab.GSO},
	}[with]
	for _, host := range r.hosts() {
		for _, offload := range []lab.Offload{lab.TxChecksum, lab.TSO, lab.GSO} {
			on := !slices.Contains(off, offload) && (offload != lab.TSO || len(off) == 0)
			if now, err := host.Offload(offload); err == nil && now == on {
				continue
			}
			// A veth whose peer runs XDP cannot segment, so this offload stays
			// off.
			if err := host.SetOffload(on, offload); err != nil && offload != lab.TSO {
				return err
			}
		}
	}
	return nil
}

// iperfReport is the needed part of iperf3's JSON.
type iperfReport struct {
	Error string
	End   struct {
		Sent     iperfSum `json:"sum_sent"`
		Received iperfSum `json:"sum_received"`
		Sum      iperfSum
	}
}

type iperfSum struct {
	Bits        float64 `json:"bits_per_second"`
	Retransmits float64
	LostPercent float64 `json:"lost_percent"`
	Jitter      float64 `json:"jitter_ms"`
}

// send sends one second of a load from the client to the server.
func (r *rig) send(ctx context.Context, l load) (rate float64, b beside, err error) {
	args := append([]string{"-J", "-t", "1", "-c", r.Server.Addr4().String()}, l.args...)
	out, err := r.Client.Command(ctx, "iperf3", args...).Output()
	var report iperfReport
	if decodeErr := json.Unmarshal(out, &report); decodeErr != nil && err == nil {
		err = decodeErr
	}
	if report.Error != "" {
		err = fmt.Errorf("%s", report.Error)
	}
	if err != nil {
		return 0, b, fmt.Errorf("run iperf3 through %s: %w", r.how, err)
	}
	end := report.End
	b.retransmits = end.Sent.Retransmits
	if end.Sum.Bits > 0 {
		b.loss, b.jitter = end.Sum.LostPercent, end.Sum.Jitter
		return end.Sum.Bits * (1 - b.loss/100) / 1e9, b, nil
	}
	return end.Received.Bits / 1e9, b, nil
}
