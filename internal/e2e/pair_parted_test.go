package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Questions and answers of UDP take different wires, and are answered before either tracker
// has told: both have each flow once, answered, and the tables agree.
func TestPairPartedUDP(t *testing.T) {
	const n = 50
	r := newPairRig(t)
	r.beginAll()
	r.route(0, 1)
	var server net.PacketConn
	err := r.Server.Do(func() (err error) {
		server, err = net.ListenPacket("udp4", pairServer+":7002")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go answer(server)
	b := make([]byte, 100)
	for i := range n {
		err := r.Client.Do(func() error {
			c, err := net.DialTimeout("udp4", pairServer+":7002", waitTimeout)
			if err != nil {
				return err
			}
			// The socket keeps its port to the end: another may be given one that was closed.
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(waitTimeout))
			if _, err := c.Write(b); err != nil {
				return err
			}
			_, err = c.Read(b)
			return err
		})
		if err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	for _, h := range r.halves {
		r.eventually(h.name+" knows each answer", func() bool {
			m := h.read()
			return m[`flows{state="ESTABLISHED"}`] == n && m[`flows{state="NEW"}`] == 0
		})
	}
	// Flows count for digests that are older than two seconds, and these every five seconds.
	differed := map[string]float64{}
	for range 3 {
		r.agree()
		for _, h := range r.halves {
			differed[h.name] = h.read()["pair_differing_shards"]
		}
		time.Sleep(3 * time.Second)
	}
	if got := fmt.Sprint(differed["gate-1"], differed["gate-2"]); got != "0 0" {
		t.Errorf("shards differ: %s", got)
	}
	r.kept("in the end")
	r.stop()
}

// Connections whose directions take different wires, from the beginning or later, close: on
// both machines they are gone or in TIME_WAIT, and what comes last begins nothing.
func TestPairPartedClose(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	r.beginAll()
	for i, way := range [][2]int{{0, 1}, {0, 0}, {1, 1}} {
		r.route(way[0], way[1])
		r.open(n)
		r.talk("before they part")
		r.established(r.halves[0], (i+1)*n)
		r.established(r.halves[1], (i+1)*n)
	}
	r.route(0, 1)
	// Which direction parts is known once the partner has heard it later by a second: all talk for
	// three.
	r.talk("apart")
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		r.talk("apart")
	}
	r.talk("apart")
	r.hangUp()
	for _, h := range r.halves {
		var left map[string]float64
		r.eventually(h.name+" has closed all", func() bool {
			left = map[string]float64{}
			for name, flows := range h.read() {
				if flows != 0 && strings.HasPrefix(name, "flows{") && name != `flows{state="TIME_WAIT"}` {
					left[name] = flows
				}
			}
			return len(left) == 0
		})
	}
	r.kept("in the end")
	for _, h := range r.halves {
		if created := r.answered(h)["flows_created_total"]; created < 3*n || created > 4*n {
			t.Errorf("%s began %v flows", h.name, created)
		}
	}
	r.agree()
	r.stop()
}
