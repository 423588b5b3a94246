//go:build drivers

package drivers

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ctop/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// waitTimeout bounds every wait. A guest in software emulation on a busy
// machine takes minutes for a second's work.
const waitTimeout = 3 * time.Minute

// transferred is the number of bytes sent in each direction over a connection.
const transferred = 2 << 20

// bench is a guest between two hosts.
type bench struct {
	*guest
	*wire
	card card
	ctx  context.Context
	// apart counts connections whose directions arrived in different queues.
	apart *int
}

// TestDrivers runs ctop in each mode between two cards of each driver.
func TestDrivers(t *testing.T) {
	if os.Getenv(kernelVar) == "" {
		t.Fatal("it needs a kernel for qemu: run \"make test-drivers\"")
	}
	lab.Require(t)
	for _, c := range cards {
		t.Run(c.name, func(t *testing.T) {
			if !available(c.device) {
				write(t, fmt.Sprintf("| %s | not tried: this qemu has none, 8.0 does | | |\n", c.name))
				t.Skip("qemu has no such card")
			}
			testCard(t, c)
		})
	}
}

func testCard(t *testing.T, c card) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	w := newWire(ctx, t, c.queues)
	b := &bench{guest: boot(ctx, t, w, c.device), wire: w, card: c, ctx: ctx, apart: new(int)}
	b.run("ip link set eth0 up; ip link set eth1 up")
	b.awaitCarrier("1")
	kernel := b.run("uname -r")
	usual, jumbo := map[string]outcome{}, map[string]outcome{}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			b := b.with(t)
			usual[mode] = b.tryMode(mode, c.refusal(mode, kernel, false), b.exercise)
		})
	}
	b.run("ip link set eth0 mtu 9000; ip link set eth1 mtu 9000")
	b.setMTU(t, 9000)
	b.awaitCarrier("1")
	for _, mode := range modes {
		t.Run(mode+" with MTU 9000", func(t *testing.T) {
			b := b.with(t)
			jumbo[mode] = b.tryMode(mode, c.refusal(mode, kernel, true), b.transfer)
		})
	}
	if c.parallel && *b.apart == 0 {
		t.Error("every connection had both directions on the same queue")
	}
	report(t, c, usual, jumbo)
}

// with returns the bench for a subtest.
func (b *bench) with(t *testing.T) *bench {
	g := *b.guest
	g.t = t
	q := *g.qmp
	q.t, g.qmp = t, &q
	return &bench{guest: &g, wire: b.wire, card: b.card, ctx: b.ctx, apart: b.apart}
}

// tryMode starts ctop in a mode, exercises it, kills it, and removes what it
// leaves. If the mode is to be refused, it checks the refusal.
func (b *bench) tryMode(mode, refusal string, exercise func(pid string)) outcome {
	b.t.Helper()
	before := b.settled()
	said, status := b.try("ctop --dump --for 1s --mode %s eth0 eth1 2>&1 >/dev/null", mode)
	b.awaitState(before)
	if refusal != "" {
		if status != 1 || !strings.Contains(lastLine(said), refusal) {
			b.t.Errorf("status %d; it said %q, wanted a line with %q", status, said, refusal)
		}
		return outcome{said: lastLine(said)}
	}
	if status != 0 {
		b.t.Fatalf("status %d: %s", status, said)
	}
	if mode == "native" && !strings.Contains(said, b.card.note) {
		b.t.Errorf("it said %q, wanted %q", said, b.card.note)
	}
	pid := b.run("ctop events -o jsonl --mode %s eth0 eth1 >/tmp/events 2>/tmp/said & echo $!", mode)
	defer b.try("kill -9 %s; ctop down eth0 eth1", pid) // if it fails on the way
	b.awaitForwarding()
	exercise(pid)
	b.run("kill -9 %s", pid)
	b.awaitForwarding()
	b.run("ctop down eth0 eth1")
	b.awaitState(before)
	if b.t.Failed() {
		b.t.Log(b.run("cat /tmp/said; dmesg | tail -n 40"))
	}
	return outcome{works: !b.t.Failed()}
}

// exercise subjects ctop to traffic and faults.
func (b *bench) exercise(pid string) {
	b.t.Helper()
	for i := range 2 {
		link := b.run("/usr/sbin/ip -d link show eth%d", i)
		if !strings.Contains(link, "PROMISC") {
			b.t.Errorf("the card takes only frames for itself: %s", link)
		}
	}
	b.transfer(pid)
	b.tagged()
	if b.card.parallel {
		b.parallel()
	}
	b.pullCable()
	b.run("kill -0 %s", pid)
}

// transfer sends data both ways over IPv4 and IPv6, none of it invalid or
// dropped.
func (b *bench) transfer(string) {
	b.t.Helper()
	for _, addr := range append(b.Server.Addrs4(), b.Server.Addrs6()...) {
		ctx, cancel := context.WithTimeout(b.ctx, waitTimeout)
		if err := lab.Transfer(ctx, b.Client, b.Server, addr, transferred); err != nil {
			b.t.Error(err)
		}
		cancel()
	}
	b.checkCounters()
}

// pullCable removes the carrier of a card, and restores it.
func (b *bench) pullCable() {
	b.t.Helper()
	b.setCarrier(1, false)
	b.eventually("no carrier", func() bool { return b.carrier(1) == "0" })
	b.setCarrier(1, true)
	b.awaitCarrier("1")
	b.awaitForwarding()
}

// carrier returns "1" if a card has a carrier.
func (b *bench) carrier(card int) string {
	return b.run("cat /sys/class/net/eth%d/carrier", card)
}

func (b *bench) awaitCarrier(value string) {
	b.t.Helper()
	b.eventually("carrier of both cards", func() bool {
		return b.carrier(0) == value && b.carrier(1) == value
	})
}

// awaitForwarding waits until a ping is answered.
func (b *bench) awaitForwarding() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, waitTimeout)
	defer cancel()
	if err := lab.WaitPing(ctx, b.Client, b.Server.Addr4()); err != nil {
		b.t.Fatalf("%v; ctop said: %s", err, b.run("cat /tmp/said"))
	}
}

// state returns everything that ctop might change at the cards, as shown by the
// guest's tools.
func (b *bench) state() string {
	b.t.Helper()
	var all strings.Builder
	for i := range 2 {
		all.WriteString(b.run("/usr/sbin/ip -d link show eth%d", i) + "\n")
		all.WriteString(b.run("ethtool -k eth%d", i) + "\n")
		all.WriteString(b.run("ethtool -l eth%d 2>&1 || true", i) + "\n")
		all.WriteString(b.run("/usr/sbin/tc qdisc show dev eth%d; /usr/sbin/tc filter show dev eth%d ingress 2>&1", i, i) + "\n")
	}
	all.WriteString(b.run("ls /sys/fs/bpf"))
	return all.String()
}

// settled returns the state once both links are up and it no longer changes:
// the kernel detects a carrier in the background.
func (b *bench) settled() (state string) {
	b.t.Helper()
	b.eventually("links that are up", func() bool {
		before := state
		state = b.state()
		return state == before && strings.Count(state, " state UP ") == 2
	})
	return state
}

// awaitState waits until the state is as before: drivers may reset a card
// meanwhile.
func (b *bench) awaitState(before string) {
	b.t.Helper()
	b.eventually("all as it was before, which was "+before, func() bool { return b.state() == before })
}

// eventually waits until holds returns true.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(waitTimeout); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s; the state is %s", what, b.state())
		}
	}
}

// received returns the activity of each receive queue of a card: its packets,
// or its interrupts if the driver does not count packets (virtio_net from 6.11
// on).
func (b *bench) received(card int) (queues []uint64) {
	b.t.Helper()
	text := b.run(`ethtool -S eth%d | grep -E '^ *rx_?(queue_)?[0-9]+_packets:' | sed 's/.*: *//'`, card)
	if text == "" {
		text = b.run(`grep -E 'virtio%d-input' /proc/interrupts | while read -r irq a b rest; do echo $((a+b)); done`, card)
	}
	for field := range strings.FieldsSeq(text) {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			b.t.Fatalf("read how busy the queues were: %v", err)
		}
		queues = append(queues, n)
	}
	return queues
}
