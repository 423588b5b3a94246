package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// pairMove is two wires between the same two hosts, with live connections.
type pairMove struct {
	*pairRun
	*machine
	wires *lab.Wires
	ports [2][2]string
}

// pairRate is how many connections are opened a second.
const pairRate = 2000

// What is in the wires, and what is done once the first one is away.
const (
	betweenBridges = "two bridges"
	betweenHalves  = "a pair"
	comparedHalves = "a pair that is compared"
)

// moved moves live connections to the other wire once the first ctop is killed: between two
// ctops, and between two bridges, which take no part in what is sent again. In the third run the
// wire dies first, and both tables are compared before anything moves.
func moved(ctx context.Context, o Options) (rows []Row, err error) {
	for _, how := range []string{betweenBridges, betweenHalves, comparedHalves} {
		more, err := movedBy(ctx, o, how)
		if rows = append(rows, more...); err != nil {
			return rows, fmt.Errorf("%s: %w", how, err)
		}
	}
	return rows, nil
}

func movedBy(ctx context.Context, o Options, how string) (rows []Row, err error) {
	m, err := newPairMove(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if how == betweenBridges {
		err = m.bridge()
	} else {
		err = m.pair(ctx)
	}
	if err == nil {
		err = m.run(ctx, o, how)
	}
	return m.rows, err
}

func newPairMove(ctx context.Context) (_ *pairMove, err error) {
	r, err := newRig(ctx, 1, byNothing, 0)
	if err != nil {
		return nil, err
	}
	m := &pairMove{pairRun: &pairRun{ends: []func(){r.close}}, machine: &machine{Lab: r.Lab}}
	defer func() {
		if err != nil {
			_ = m.close()
		}
	}()
	if m.wires, err = r.SecondWire("c2", "s2"); err != nil {
		return nil, err
	}
	m.ports = [2][2]string{{r.Client.Port(), r.Server.Port()}, {"c2", "s2"}}
	for _, h := range r.hosts() {
		if err := h.Do(manyConnections); err != nil {
			return nil, err
		}
	}
	return m, m.prepare([2]*rig{r, r}, m.ports)
}

func (m *pairMove) close() error {
	m.machine.close()
	return m.pairRun.close()
}

// bridge puts a bridge into each wire.
func (m *pairMove) bridge() error {
	for i, ports := range m.ports {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "bridge" + strconv.Itoa(i)
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add a bridge: %w", err)
		}
		m.machine.ends = append(m.machine.ends, func() { _ = netlink.LinkDel(bridge) })
		for _, name := range ports {
			port, err := netlink.LinkByName(name)
			if err == nil {
				err = netlink.LinkSetMaster(port, bridge)
			}
			if err != nil {
				return fmt.Errorf("join %s to a bridge: %w", name, err)
			}
		}
		if err := netlink.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set a bridge up: %w", err)
		}
	}
	return nil
}

// pair begins both halves, with flows at rest.
func (m *pairMove) pair(ctx context.Context) error {
	if err := m.startHub(ctx); err != nil {
		return err
	}
	a, b := m.halves[0], m.halves[1]
	if err := m.startHalf(ctx, a); err != nil {
		return err
	}
	if err := a.fill(dataFrame(), pairFlows); err != nil {
		return err
	}
	if err := m.beginHalf(ctx, b); err != nil {
		return err
	}
	return errors.Join(b.untilHealthy(ctx), a.untilHealthy(ctx))
}

// talked is what the ends of the connections count.
type talked struct{ opened, failed, again, twice int }

func (m *pairMove) counted(client *child, line string) (t talked, err error) {
	answer, err := client.does(line)
	if err != nil {
		return t, err
	}
	if _, err := fmt.Sscan(answer, &t.opened, &t.failed); err != nil {
		return t, fmt.Errorf("count connections: %w", err)
	}
	for _, h := range []*lab.Host{m.Client, m.Server} {
		again, twice, err := resent(h)
		if err != nil {
			return t, err
		}
		t.again += again
		t.twice += twice
	}
	return t, nil
}

// run has connections talk, and takes the first wire away with its ctop.
func (m *pairMove) run(ctx context.Context, o Options, how string) error {
	if _, err := m.start(ctx, m.Server, "pair-serve"); err != nil {
		return err
	}
	client, err := m.start(ctx, m.Client, fmt.Sprintf("pair-send %s %d", m.Server.Addr4(), o.rounds(pairRate, pairRate/10)))
	if err != nil {
		return err
	}
	span := time.Duration(o.rounds(15, 8)) * time.Second
	var counts [4]talked
	look := func(n int, line string) error {
		counts[n], err = m.counted(client, line)
		return err
	}
	if err := look(0, "count"); err != nil {
		return err
	}
	time.Sleep(span)
	if err := look(1, "count"); err != nil {
		return err
	}
	killed := time.Now()
	if how != betweenBridges {
		m.halves[0].kill()
	}
	// What is on its way arrives before the wire is down: the wire loses nothing.
	steps := []func() error{m.move, func() error { time.Sleep(time.Second); return nil }, m.away}
	if how == comparedHalves {
		steps = []func() error{m.away, func() error { return m.known(ctx, killed) }, m.move}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	time.Sleep(span)
	if err := errors.Join(look(2, "count"), look(3, "stop")); err != nil {
		return err
	}
	m.row("live connections by "+how, "/s", fmt.Sprintf("%d more stay", pairTalkers), float64(counts[1].opened-counts[0].opened)/span.Seconds())
	m.sentAgain("before", how, counts[0], counts[1])
	if how != comparedHalves { // which had no wire meanwhile
		m.sentAgain("after they moved", how, counts[1], counts[2])
	}
	m.row("connections that failed, "+how, "", fmt.Sprintf("of %d", counts[3].opened), float64(counts[3].failed))
	if how != betweenBridges {
		m.row("packets that enforce dropped, "+how, "", "of the other half", dropped(m.halves[1].read()))
	}
	return nil
}

// sentAgain has rows of segments that were sent again, and of those that had not arrived.
func (m *pairMove) sentAgain(when, how string, from, to talked) {
	again := to.again - from.again
	m.row("segments sent again "+when+", "+how, "", "", float64(again))
	m.row("of which the other end had not", "", "the others were late", float64(max(again-(to.twice-from.twice), 0)))
}

// dropped returns how many packets a tracker has dropped.
func dropped(metrics map[string]float64) (n float64) {
	for name, value := range metrics {
		if strings.HasPrefix(name, "dropped_total{reason=\"policy\"") {
			n += value
		}
	}
	return n
}

// move sends all packets by the second wire.
func (m *pairMove) move() error { return m.wires.Use(1, 1) }

// away takes the first wire down.
func (m *pairMove) away() error {
	for _, name := range m.ports[0] {
		port, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetDown(port)
		}
		if err != nil {
			return fmt.Errorf("take %s down: %w", name, err)
		}
	}
	return nil
}

// known compares what the other half knows of live connections with what the first one had when
// its ctop was killed, which takes a while to end. Neither has packets meanwhile.
func (m *pairMove) known(ctx context.Context, killed time.Time) error {
	here, first, err := m.halves[0].live(ctx)
	if err != nil {
		return err
	}
	there, second, err := m.halves[1].live(ctx)
	if err != nil {
		return err
	}
	var older, found, quiet, same int
	var ages, counters []float64
	for id, f := range here {
		if f.Age-first.Sub(killed) < pairSettled {
			continue
		}
		older++
		g, known := there[id]
		if known {
			found++
			ages = append(ages, float64((g.Age-f.Age-second.Sub(first)).Abs())/float64(time.Millisecond))
		}
		if f.Idle-first.Sub(killed) >= pairSettled || f.Age > 2*pairLife {
			quiet++
			if known && g.State == f.State {
				same++
			}
		}
		if known && f.Age > 2*pairLife && f.Origin.Packets > 0 {
			// Of one that talks all the time.
			counters = append(counters, f.Age.Seconds()*float64(f.Origin.Packets-g.Origin.Packets)/float64(f.Origin.Packets))
		}
	}
	if len(ages) == 0 || len(counters) == 0 {
		return fmt.Errorf("the other half knows %d of %d live connections", found, older)
	}
	m.row("live connections older than 0.2 s at the other half, same id", "%", fmt.Sprintf("of %d, at least 99.99", older), 100*float64(found)/float64(older))
	m.row("and same state, of those that had it for 0.2 s", "%", fmt.Sprintf("of %d, at least 99.99", quiet), 100*float64(same)/float64(quiet))
	m.row("ages of live connections differ by at most", "ms", "at most 50", slices.Max(ages))
	m.row("counters of live connections are older by at most", "s", "at most 5", slices.Max(counters))
	return nil
}

// live returns the flows of a half that have real ends, and when they were read.
func (h *pairHalf) live(ctx context.Context) (map[flow.ID]flow.Flow, time.Time, error) {
	return h.flowsOf(ctx, func(f *flow.Flow) bool {
		port := f.Tuple.Dst.Port()
		return f.Tuple.Proto == flow.ProtocolTCP && port >= pairPort && port < pairPort+pairPorts
	})
}
