package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/internal/bpftest"
	"ctop/internal/lab"
)

// liveFlows is the number of flows of the frames: many, but few enough for the
// cache. packet.go measures packets beyond the cache.
const liveFlows = 1 << 10

// testLiveFrames is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
const testLiveFrames = 1 << 1

// xdpContext is struct xdp_md.
type xdpContext struct {
	Data, DataEnd, DataMeta, Ingress, Queue, Egress uint32
}

// cannon sends frames into one port of a rig as if they had arrived there.
type cannon struct {
	stage   *ebpf.Collection
	script  staging
	subject *ebpf.Program
	data    []byte
	from    uint32
	cpu     int
}

// load restarts the cannon's script.
func (c cannon) load() error { return c.script.apply(c.stage, c.subject) }

// gallery is a rig whose hosts count and drop all frames.
type gallery struct {
	*rig
	cannons [2]cannon
	sink    *ebpf.Collection
}

// newGallery attaches sinks to the rig's hosts, and cannons to its ports.
func newGallery(r *rig) (*gallery, error) {
	g := &gallery{rig: r}
	var err error
	if g.sink, err = loadReference(1, 0); err != nil {
		return nil, err
	}
	r.stop = append(r.stop, g.sink.Close)
	links, err := r.ports()
	if err != nil {
		return nil, err
	}
	for i, host := range []*lab.Host{r.Client, r.Server} {
		if err := g.catch(host); err != nil {
			return nil, err
		}
		f := dataFrame()
		if i == 1 {
			f = ackFrame()
		}
		copy(f.macs[:6], links[i].Attrs().HardwareAddr)
		f.macs[6] = 2
		if g.cannons[i], err = g.cannon(i, f, links[i].Attrs().Index); err != nil {
			return nil, err
		}
	}
	return g, g.prepare()
}

// catch attaches the sink to a host's end of its pair.
func (g *gallery) catch(host *lab.Host) error {
	return host.Do(func() error {
		const firstLink = 2 // after the loopback interface
		return g.keep(link.AttachXDP(link.XDPOptions{Interface: firstLink, Program: g.sink.Programs[progSink], Flags: link.XDPDriverMode}))
	})
}

func (g *gallery) cannon(i int, f frame, port int) (c cannon, err error) {
	c = cannon{data: f.bytes(), from: uint32(port), cpu: i}
	if c.stage, err = loadReference(1, 0); err != nil {
		return c, err
	}
	g.stop = append(g.stop, c.stage.Close)
	c.script = f.randomly(liveFlows)
	if i == 1 {
		c.script.script = []step{{flags: flagACK, seq: serverSeq, ack: clientSeq, reply: true}}
	}
	c.subject, err = g.subject(i, c.stage)
	return c, err
}

// subject is the program that receives the frames.
func (g *gallery) subject(i int, c *ebpf.Collection) (*ebpf.Program, error) {
	switch g.how {
	case byXDP:
		links, err := g.ports()
		if err != nil {
			return nil, err
		}
		return c.Programs[progRedirect], bpftest.SetOutputs(c, uint32(links[1-i].Attrs().Index))
	case byNative:
		p, err := ebpf.LoadPinnedProgram(g.pin(progCtop), nil)
		if err == nil {
			g.stop = append(g.stop, func() { p.Close() })
		}
		return p, err
	}
	return c.Programs[progPass], nil
}

// pin returns the path of an object of the rig's tracker.
func (r *rig) pin(name string) string {
	pattern := filepath.Join("/sys/fs/bpf/ctop/*", r.Client.Port()+":"+r.Server.Port(), name)
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return pattern
	}
	return found[0]
}

// prepare makes each forwarder pass the frames.
func (g *gallery) prepare() error {
	if g.how == byRouter {
		return g.prepareRouter()
	}
	return nil
}

// fill replaces the flows of the rig's tracker by established ones.
func (r *rig) fill(f frame, n int) error {
	ctop, err := ebpf.LoadPinnedProgram(r.pin(progCtop), nil)
	if err != nil {
		return err
	}
	defer ctop.Close()
	clock, err := ebpf.LoadPinnedProgram(r.pin("read_clock"), nil)
	if err != nil {
		return err
	}
	defer clock.Close()
	var args bpf.ConntrackClockArgs
	if _, err := clock.Run(&ebpf.RunOptions{Context: args, ContextOut: &args}); err != nil {
		return err
	}
	before, err := empty(ctop)
	if err != nil {
		return err
	}
	if err := fill(ctop, f, n, args.Ticks, 0); err != nil {
		return err
	}
	return r.count(n - before)
}

// count adds flows to the tracker's counters, as their packets would have.
func (r *rig) count(flows int) error {
	stats, err := ebpf.LoadPinnedMap(r.pin("stats"), nil)
	if err != nil {
		return err
	}
	defer stats.Close()
	var perCPU []bpf.ConntrackCpuStats
	if err := stats.Lookup(uint32(0), &perCPU); err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	perCPU[0].Created += uint64(flows)
	if err := stats.Put(uint32(0), perCPU); err != nil {
		return fmt.Errorf("set the counters: %w", err)
	}
	return nil
}

// reload resets flows and cannons to their initial state.
func (g *gallery) reload() error {
	for _, c := range g.cannons {
		if err := c.load(); err != nil {
			return err
		}
	}
	if g.how != byNative {
		return nil
	}
	return g.fill(dataFrame(), liveFlows)
}

// volley uses some of the cannons at once, each from its own CPU, and returns
// the time.
func (g *gallery) volley(cannons int, use func(cannon) error) (time.Duration, error) {
	if err := g.reload(); err != nil {
		return 0, err
	}
	start := time.Now()
	done := make(chan error, cannons)
	for _, c := range g.cannons[:cannons] {
		go func() { done <- use(c) }()
	}
	var errs error
	for range cannons {
		errs = errors.Join(errs, <-done)
	}
	return time.Since(start), errs
}

// dry runs the program on frames without forwarding them, and returns the rate
// in millions a second, of processor time: each run begins by waiting for what other
// processors are at, so that two hardly begin at once.
func (g *gallery) dry(cannons, frames int) (float64, error) {
	var rates [2]float64
	_, err := g.volley(cannons, func(c cannon) error {
		release, err := pin(c.cpu % runtime.NumCPU())
		if err != nil {
			return err
		}
		defer release()
		took, err := timed(c.stage.Programs[progStage], c.data, frames, xdpRedirect)
		rates[c.cpu] = float64(frames) / float64(took) * 1e3
		return err
	})
	return rates[0] + rates[1], err
}

// spin does arithmetic only, and returns the rate in millions of rounds a
// second. It shows the value of two CPUs on this machine, which may be two
// threads of one core.
func (g *gallery) spin(cannons, rounds int) (float64, error) {
	var sums [2]uint64
	took, err := g.volley(cannons, func(c cannon) error {
		release, err := pin(c.cpu % runtime.NumCPU())
		if err != nil {
			return err
		}
		defer release()
		sums[c.cpu] = arithmetic(rounds)
		return nil
	})
	return float64(cannons*rounds) / took.Seconds() / 1e6, err
}

// arithmetic uses registers only, no memory, and cannot be optimised away.
func arithmetic(rounds int) uint64 {
	a, b, c, d := uint64(1), uint64(2), uint64(3), uint64(4)
	for i := range uint64(rounds) {
		a, b, c, d = a+(b^i), b+(c^i), c+(d^i), d+(a^i)
	}
	return a + b + c + d
}

// shoot sends frames, and returns the rate of those that arrived, in millions a
// second.
func (g *gallery) shoot(cannons, frames int) (float64, error) {
	before, err := g.arrived()
	if err != nil {
		return 0, err
	}
	took, err := g.volley(cannons, func(c cannon) error { return c.fire(frames) })
	if err != nil {
		return 0, err
	}
	after, err := g.arrived()
	if err != nil {
		return 0, err
	}
	if after-before < uint64(frames*cannons/2) {
		return 0, fmt.Errorf("of %d frames only %d arrived", frames*cannons, after-before)
	}
	return float64(after-before) / took.Seconds() / 1e6, nil
}

func (c cannon) fire(frames int) error {
	release, err := pin(c.cpu % runtime.NumCPU())
	if err != nil {
		return err
	}
	defer release()
	_, err = c.stage.Programs[progStage].Run(&ebpf.RunOptions{
		Data: c.data, Repeat: uint32(frames), Flags: testLiveFrames,
		Context: xdpContext{DataEnd: uint32(len(c.data)), Ingress: c.from},
	})
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("send live frames: %w", err)
	}
	return nil
}

func (g *gallery) arrived() (total uint64, err error) {
	var perCPU []uint64
	if err := g.sink.Maps["arrived"].Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("read the sink: %w", err)
	}
	for _, n := range perCPU {
		total += n
	}
	return total, nil
}

// live measures the frame rate of the path itself.
func live(ctx context.Context, o Options) ([]Row, error) {
	var probes []probe
	for n, how := range []forwarder{byXDP, byNative, byRouter} {
		if missing := how.missing(); missing != "" {
			continue
		}
		r, err := newRig(ctx, n+1, how, smallTable)
		if err != nil {
			return nil, err
		}
		defer r.close()
		g, err := newGallery(r)
		if err != nil {
			return nil, err
		}
		slower := 1
		if how == byRouter {
			slower = 6
		}
		for cannons := 1; cannons <= min(2, runtime.NumCPU()); cannons++ {
			probes = append(probes, probe{
				name: liveName(how, cannons), unit: "Mpps",
				take: func(context.Context) (float64, error) { return g.shoot(cannons, o.rounds(6_000_000, 600_000)/slower) },
			})
			if how == byRouter {
				continue
			}
			if how == byXDP {
				probes = append(probes, probe{
					name: fmt.Sprintf("arithmetic alone, CPUs %d", cannons), unit: "M/s",
					take: func(context.Context) (float64, error) { return g.spin(cannons, o.rounds(400_000_000, 100_000_000)) },
				})
			}
			probes = append(probes, probe{
				name: dryName(how, cannons), unit: "Mpps",
				take: func(context.Context) (float64, error) { return g.dry(cannons, o.rounds(20_000_000, 4_000_000)) },
			})
		}
	}
	return interleave(ctx, o.rounds(4, 3), probes)
}

func liveName(how forwarder, cpus int) string {
	return fmt.Sprintf("live frames, %s, CPUs %d", how, cpus)
}

// dryName names a row of the program alone, which shows the value of two CPUs
// without the rest of the path.
func dryName(how forwarder, cpus int) string {
	return fmt.Sprintf("program alone, %s, CPUs %d", how, cpus)
}

// missing returns what the forwarder needs and the machine lacks.
func (f forwarder) missing() string {
	if f == byRouter {
		return lacks("nft", "ip")
	}
	return ""
}
