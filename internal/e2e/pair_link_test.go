package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"ctop/internal/lab"
)

// The second machine's hub, and where the first one listens for it.
const (
	secondHub  = "127.0.0.1:4223"
	linkedPort = "4300"
	linkedHubs = "127.0.0.1:" + linkedPort
)

// machine is a hub and a half of a pair, which die together.
type machine struct {
	*pairHalf
	r     *pairRig
	state string
	flags []string
	hub   *lab.Cmd
}

func (m *machine) begin() {
	m.hub = m.r.hubAt(m.pairHalf.hub, m.state, m.flags...)
	m.r.begin(m.pairHalf)
}

func (m *machine) kill() {
	for _, cmd := range []*lab.Cmd{m.cmd, m.hub} {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
}

// machines gives each half a hub of its own. Both are linked.
func (r *pairRig) machines() (list [2]*machine) {
	r.t.Helper()
	r.killHub()
	list[0] = &machine{pairHalf: r.halves[0], r: r, state: r.hubState(), flags: []string{"--link-listen", linkedHubs}}
	list[1] = &machine{pairHalf: r.halves[1], r: r, state: filepath.Join(r.state, "hub-2"), flags: []string{"--link", linkedHubs}}
	list[1].pairHalf.hub = secondHub
	if err := os.Mkdir(list[1].state, 0o700); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []string{"keys.json", "authority.seed", "link.seed", "tls.crt", "tls.key"} {
		text, err := os.ReadFile(filepath.Join(list[0].state, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(list[1].state, name), text, 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return list
}

// A pair needs no third machine: each has a hub, and these are linked. Either machine dies
// with its hub, the connections go on by the other one, and both agree once it is back.
func TestPairOfTwoMachines(t *testing.T) {
	const n = 20
	r := newPairRig(t)
	both := r.machines()
	for _, m := range both {
		m.begin()
	}
	r.synced()
	r.open(n)
	r.talk("at first")
	for i, m := range both {
		other := both[1-i]
		r.route(i, i)
		r.talk("by the wire of " + m.name)
		r.established(other.pairHalf, n)
		m.kill()
		r.ip("link", "set", m.wire[0], "down")
		r.route(1-i, 1-i)
		r.talk("after " + m.name + " died")
		r.ip("link", "set", m.wire[0], "up")
		m.begin()
		r.synced()
		r.established(m.pairHalf, n)
		r.kept("after " + m.name + " is back")
	}
	r.hangUp()
	// The other one may have heard them last within the same second, and keeps them for
	// five minutes.
	r.eventually("the flows end", func() bool { return both[0].read()[`flows{state="ESTABLISHED"}`] == 0 })
	r.stop()
}
