package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ctop/internal/lab"
	"ctop/internal/scrape"
)

// pairRig is two wires between the same two hosts, each with a tracker of its own. They
// meet at a hub. A route at each host says which wire its packets take.
type pairRig struct {
	*fleetRig
	halves [2]*pairHalf
	conns  []net.Conn
	// echoing are the addresses of echo servers.
	echoing map[string]bool
	echoes  sync.WaitGroup
}

// pairHalf is one of the two.
type pairHalf struct {
	name, metrics string
	// hub is where its hub serves.
	hub  string
	wire [2]string
	// more are further arguments, binary the program if it is another one, and under what
	// runs it.
	more   []string
	binary string
	under  []string
	cmd    *lab.Cmd
	log    *said
}

// The hosts' links of each wire, at the client and at the server.
var pairLinks = [2]string{"eth0", "eth1"}

const (
	pairClient = "198.51.100.1"
	pairServer = "198.51.100.2"
)

func newPairRig(t *testing.T) *pairRig {
	t.Helper()
	r := &pairRig{fleetRig: &fleetRig{serving: newServing(t)}, echoing: map[string]bool{}}
	r.halves = [2]*pairHalf{
		{name: "gate-1", hub: hubAddress, metrics: "127.0.0.1:9471", wire: [2]string{r.Client.Port(), r.Server.Port()}},
		{name: "gate-2", hub: hubAddress, metrics: "127.0.0.1:9472", wire: [2]string{"veth3", "veth4"}},
	}
	for _, h := range r.halves {
		r.must("hub", "keys", "add", "host", h.name, "--pair", "gate", "--write", r.creds(h.name), "--state", r.hubState())
	}
	r.startHub()
	for i, host := range []*lab.Host{r.Client, r.Server} {
		port := r.halves[1].wire[i]
		r.ip("link", "add", port, "type", "veth", "peer", "name", pairLinks[1], "netns", host.Name())
		r.t.Cleanup(func() { r.ip("link", "delete", port) })
		r.ip("link", "set", port, "up")
		r.in(host, "ip", "link", "set", pairLinks[1], "up")
		for w, link := range pairLinks {
			// The other end has the same address on both wires.
			r.in(host, "ip", "link", "set", link, "address", fmt.Sprintf("02:00:00:00:0%d:0%d", w, i))
		}
	}
	r.meet(pairClient, pairServer)
	r.route(0, 0)
	return r
}

// meet gives the client and the server an address each, by which they meet on both wires.
func (r *pairRig) meet(client, server string) {
	r.t.Helper()
	for i, host := range []*lab.Host{r.Client, r.Server} {
		own, other := client, server
		if i == 1 {
			own, other = other, own
		}
		r.in(host, "ip", "address", "add", own+"/32", "dev", "lo")
		for w, link := range pairLinks {
			r.in(host, "ip", "neighbour", "replace", other, "lladdr", fmt.Sprintf("02:00:00:00:0%d:0%d", w, 1-i), "dev", link, "nud", "permanent")
		}
	}
}

func (r *pairRig) ip(args ...string) {
	r.t.Helper()
	if out, err := lab.Command(r.ctx, "ip", args...).CombinedOutput(); err != nil {
		r.t.Fatalf("ip %q: %v: %s", args, err, out)
	}
}

func (r *pairRig) in(h *lab.Host, name string, args ...string) {
	r.t.Helper()
	if out, err := h.Command(r.ctx, name, args...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// route says which wire the packets of the client take, and those of the server.
func (r *pairRig) route(there, back int) {
	r.t.Helper()
	r.routeOf(pairClient, pairServer, there, back)
}

// routeOf is the same of another address of each.
func (r *pairRig) routeOf(client, server string, there, back int) {
	r.t.Helper()
	r.in(r.Client, "ip", "route", "replace", server, "dev", pairLinks[there], "src", client)
	r.in(r.Server, "ip", "route", "replace", client, "dev", pairLinks[back], "src", server)
}

func (r *pairRig) begin(h *pairHalf) {
	r.t.Helper()
	r.serve(h, append([]string{"--fleet", h.hub, "--creds", r.creds(h.name), "--pair", "gate"}, h.more...)...)
}

// serve begins a half's tracker under enforce, with more arguments.
func (r *pairRig) serve(h *pairHalf, more ...string) {
	r.t.Helper()
	args := append([]string{"serve", "--policy", "enforce", "--metrics", h.metrics}, more...)
	h.cmd = ctop(r.ctx, r.t, append(args, h.wire[0], h.wire[1])...)
	if h.binary != "" {
		h.cmd.Path, h.cmd.Args[0] = h.binary, h.binary
	}
	if h.under != nil {
		h.cmd = lab.Command(r.ctx, h.under[0], slices.Concat(h.under[1:], h.cmd.Args)...)
	}
	h.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(r.state, h.name))
	h.log = &said{}
	h.cmd.Stderr = h.log
	if err := h.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd := h.cmd
	r.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// read returns a half's metrics, none while it does not serve them.
func (h *pairHalf) read() map[string]float64 { return scrape.Metrics(h.metrics) }

// synced waits until both know all flows of each other.
func (r *pairRig) synced() {
	r.t.Helper()
	for _, h := range r.halves {
		r.eventually(h.name+" is in sync: "+h.log.end(), func() bool { return h.read()["pair_synced"] == 1 })
	}
}

// open opens connections to an echo server, by the first addresses.
func (r *pairRig) open(n int) {
	r.t.Helper()
	r.openTo(pairServer, n)
}

// openTo opens connections to the echo server of an address.
func (r *pairRig) openTo(server string, n int) {
	r.t.Helper()
	if !r.echoing[server] {
		r.echo(server)
	}
	for range n {
		err := r.Client.Do(func() error {
			c, err := net.DialTimeout("tcp", server+":7000", waitTimeout)
			if err == nil {
				r.conns = append(r.conns, c)
			}
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// echo begins an echo server at an address.
func (r *pairRig) echo(server string) {
	r.t.Helper()
	var listener net.Listener
	err := r.Server.Do(func() (err error) {
		listener, err = net.Listen("tcp", server+":7000")
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.echoing[server] = true
	r.t.Cleanup(func() { _ = listener.Close() })
	go acceptAll(listener, func(c net.Conn) {
		r.echoes.Go(func() { sendBack(c) })
	})
	r.t.Cleanup(r.hangUp)
}

// hangUp closes the connections, and waits until their echoes have ended.
func (r *pairRig) hangUp() {
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
	r.echoes.Wait()
}

// talk sends something by every connection and waits for the echo.
func (r *pairRig) talk(when string) {
	r.t.Helper()
	r.say(when, make([]byte, 3000))
}

// say is the same of some bytes.
func (r *pairRig) say(when string, b []byte) {
	r.t.Helper()
	for i, c := range r.conns {
		_ = c.SetDeadline(time.Now().Add(waitTimeout))
		_, err := c.Write(b)
		if err == nil {
			_, err = io.ReadFull(c, b)
		}
		if err != nil {
			r.t.Fatalf("%s: connection %d: %v", when, i, err)
		}
	}
}

// answered waits until a half has served its metrics, as a busy one may answer too late, and
// returns them.
func (r *pairRig) answered(h *pairHalf) (m map[string]float64) {
	r.t.Helper()
	r.eventually(h.name+" serves its metrics", func() bool {
		m = h.read()
		_, counted := m["flows_created_total"]
		return counted
	})
	return m
}

// kept fails if a tracker has dropped or refused a packet.
func (r *pairRig) kept(when string) {
	r.t.Helper()
	for _, h := range r.halves {
		if h.cmd == nil || h.cmd.ProcessState != nil {
			continue // it does not run
		}
		for name, n := range r.answered(h) {
			if n != 0 && (strings.HasPrefix(name, `dropped_total{reason="policy"`) || strings.HasPrefix(name, "invalid_total")) {
				r.t.Errorf("%s: %s: %s is %v", when, h.name, name, n)
			}
		}
	}
}

// established waits until a half has so many open flows.
func (r *pairRig) established(h *pairHalf, n int) {
	r.t.Helper()
	open := 0.0
	defer func() {
		if open != float64(n) {
			r.t.Log(h.name, "has", open, "open flows; its log:", h.log.end())
		}
	}()
	r.eventually(fmt.Sprintf("%s has %d open flows", h.name, n), func() bool {
		open = h.read()[`flows{state="ESTABLISHED"}`]
		return open == float64(n)
	})
}

// agree waits until the tables do not differ, and every flow that began is there or has
// ended, on both.
func (r *pairRig) agree() {
	r.t.Helper()
	for _, h := range r.halves {
		var m map[string]float64
		r.eventually(h.name+" agrees with its partner", func() bool {
			m = h.read()
			gone, present := 0.0, 0.0
			for name, n := range m {
				if strings.HasPrefix(name, "flows_destroyed_total{") {
					gone += n
				} else if strings.HasPrefix(name, "flows{") {
					present += n
				}
			}
			created, counted := m["flows_created_total"]
			return counted && created == gone+present && m["pair_differing_shards"] == 0
		})
	}
}

// stop ends both trackers.
func (r *pairRig) stop() {
	r.t.Helper()
	for _, h := range r.halves {
		_ = h.cmd.Process.Signal(os.Interrupt)
		if err := h.cmd.Wait(); err != nil {
			r.t.Errorf("%s ended with %v: %s", h.name, err, h.log.end())
		}
	}
}

// Connections move from one wire to the other, apart and back, and go on when the first
// ctop is killed with its wire: under enforce no packet is dropped.
func TestPair(t *testing.T) {
	const n = 40
	r := newPairRig(t)
	r.beginAll()
	r.open(n)
	r.talk("at first")
	r.established(r.halves[1], n)
	for _, way := range [][2]int{{1, 1}, {0, 0}, {0, 1}, {1, 0}, {0, 0}} {
		r.route(way[0], way[1])
		for range 3 {
			r.talk(fmt.Sprintf("by the wires %v", way))
		}
	}
	r.kept("before the kill")
	r.agree()
	first := r.halves[0]
	_ = first.cmd.Process.Kill()
	_ = first.cmd.Wait()
	r.ip("link", "set", first.wire[0], "down")
	r.route(1, 1)
	r.talk("after the kill")
	r.kept("after the kill")
	r.established(r.halves[1], n)
	r.ip("link", "set", first.wire[0], "up")
	r.begin(first)
	r.synced()
	r.hangUp()
	r.eventually("the flows end", func() bool { return r.halves[1].read()[`flows{state="ESTABLISHED"}`] == 0 })
	r.agree()
	r.stop()
	checkDetached(t, r.Lab)
}

// Both go on when the hub is killed, and agree again after it is back.
func TestPairWithoutHub(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	r.beginAll()
	r.killHub()
	r.open(n)
	r.talk("without a hub")
	r.startHub()
	r.established(r.halves[1], n)
	r.route(1, 1)
	r.talk("by the other wire")
	r.kept("in the end")
	r.agree()
	r.hangUp() // an end by a wire that is gone arrives nowhere
	r.stop()
}
