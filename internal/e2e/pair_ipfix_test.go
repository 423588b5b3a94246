package e2e

import (
	"maps"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"ctop/internal/ipfix/ipfixtest"
	"ctop/internal/lab"
)

// gathered adds up the packets of flow records of a half, by flow.
type gathered struct {
	address string
	mu      sync.Mutex
	packets map[uint64]uint64
}

func (r *pairRig) gather() *gathered {
	r.t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	g := &gathered{address: conn.LocalAddr().String(), packets: map[uint64]uint64{}}
	go func() {
		var decoder ipfixtest.Decoder
		for b := make([]byte, 1<<16); ; {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if m, err := decoder.Decode(b[:n]); err == nil {
				g.add(m.Flows())
			}
		}
	}()
	return g
}

func (g *gathered) add(records []ipfixtest.Record) {
	const reverse = 29305
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range records {
		if r.Uint(11) == 7000 {
			g.packets[r.Uint(148)] += r.Uint(2) + r.UintOf(reverse, 2)
		}
	}
}

func (g *gathered) copy() map[uint64]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.packets)
}

// countAt counts the packets of the echo servers at a host, from now on.
func (r *pairRig) countAt(h *lab.Host) (counted func() uint64) {
	r.t.Helper()
	r.in(h, "nft", "add table inet counted; add chain inet counted in { type filter hook input priority 0; }; add chain inet counted out { type filter hook output priority 0; }; "+
		"add rule inet counted in tcp sport 7000 counter; add rule inet counted out tcp dport 7000 counter")
	packets := regexp.MustCompile(`packets (\d+)`)
	return func() (n uint64) {
		out, err := h.Command(r.ctx, "nft", "list", "table", "inet", "counted").Output()
		if err != nil {
			r.t.Fatal(err)
		}
		for _, m := range packets.FindAllStringSubmatch(string(out), -1) {
			one, _ := strconv.ParseUint(m[1], 10, 64)
			n += one
		}
		return n
	}
}

// shortest is less than a segment of the smallest MTU, 68 bytes, has. A socket whose route has
// just been replaced takes that one (blackhole_netdev of net/core/dst.c), and nft counts what
// is sent in several segments as one packet.
const shortest = 32

// The flow records of both halves have each packet once, of connections that stay, move and
// part.
func TestPairExportsOnce(t *testing.T) {
	const n = 10
	r := newPairRig(t)
	var all [2]*gathered
	for i, h := range r.halves {
		all[i] = r.gather()
		h.more = append([]string{"--ipfix", "udp://" + all[i].address, "--ipfix-active", "1s"}, shortly...)
		r.begin(h)
	}
	r.synced()
	counted := r.countAt(r.Client)
	r.open(n)
	for _, way := range [][2]int{{0, 0}, {1, 1}, {0, 1}, {0, 0}} {
		r.route(way[0], way[1])
		for range 30 {
			r.say("by another way", make([]byte, shortest))
		}
		r.same("by another way")
	}
	r.nothingLeft()
	sum := func() (total uint64) {
		for _, g := range all {
			for _, n := range g.copy() {
				total += n
			}
		}
		return total
	}
	want := counted()
	defer func() { t.Logf("%d packets in records, %d counted; %v, %v", sum(), want, all[0].copy(), all[1].copy()) }()
	r.eventually("the records have every packet", func() bool { return sum() == want })
	flows := all[0].copy()
	maps.Copy(flows, all[1].copy())
	if len(flows) != n {
		t.Errorf("%d flows were exported, not %d", len(flows), n)
	}
	r.stop()
}
