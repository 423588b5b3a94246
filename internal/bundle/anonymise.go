package bundle

import (
	"slices"
	"strconv"

	"ctop/tracker/flow"
)

// Anonymiser replaces what says who is who: addresses, and the names of the host, of
// interfaces, users, processes, units, containers, pods, servers and alerts. The same is replaced by
// the same everywhere. It learns everything first, so that nothing is replaced by something
// else that was there.
type Anonymiser struct {
	addresses
	// words are the replacements, by kind and by word.
	words map[string]map[string]string
	// spoken are the words that are to be replaced.
	spoken map[string]bool
	// given are the replacements.
	given     map[string]bool
	users     map[uint32]uint32
	processes map[flow.Process]*flow.Process
	servers   map[flow.ServerName]*flow.ServerName
}

// removed is what is said in place of a text that may say anything.
const removed = "(removed)"

// loopback is the name of the loopback interface, the same on all machines.
const loopback = "lo"

// NewAnonymiser returns one that knows nothing yet.
func NewAnonymiser() *Anonymiser {
	return &Anonymiser{
		addresses: newAddresses(), words: map[string]map[string]string{}, spoken: map[string]bool{}, given: map[string]bool{}, users: map[uint32]uint32{},
		processes: map[flow.Process]*flow.Process{}, servers: map[flow.ServerName]*flow.ServerName{},
	}
}

// Learn notes the addresses and names of a snapshot.
func (a *Anonymiser) Learn(s *flow.Snapshot) {
	a.spoken[s.Host] = true
	a.spoken[s.Pair.Partner] = true
	for i := range s.Interfaces {
		a.spoken[s.Interfaces[i].Name] = true
		a.spoken[s.Interfaces[i].Host] = true
	}
	for i := range s.Flows {
		a.learnTuple(&s.Flows[i].Tuple)
		a.learnProcess(s.Flows[i].Holding.Process)
		a.learnServer(s.Flows[i].Server)
	}
	for i := range s.Translations {
		a.learnTuple(&s.Translations[i])
	}
	for i := range s.Alerts {
		a.spoken[s.Alerts[i].Name] = true
	}
}

// LearnEvents notes the addresses and names of events.
func (a *Anonymiser) LearnEvents(events []flow.Event) {
	for i := range events {
		a.learnTuple(&events[i].Tuple)
		a.learnProcess(events[i].Holding.Process)
		a.learnServer(events[i].Server)
		a.spoken[events[i].Interface], a.spoken[events[i].Host] = true, true
	}
}

func (a *Anonymiser) learnTuple(t *flow.Tuple) {
	a.learn(t.Src.Addr())
	a.learn(t.Dst.Addr())
}

func (a *Anonymiser) learnProcess(p *flow.Process) {
	if p == nil || a.processes[*p] != nil {
		return
	}
	a.processes[*p] = &flow.Process{} // until it is replaced
	for _, word := range [...]string{p.Name, p.User, p.Unit, p.Container, p.Pod} {
		a.spoken[word] = true
	}
}

func (a *Anonymiser) learnServer(n *flow.ServerName) {
	if n != nil {
		a.spoken[n.Name] = true
	}
}

// server replaces the name of a server.
func (a *Anonymiser) server(n *flow.ServerName) *flow.ServerName {
	if n == nil {
		return nil
	}
	to := a.servers[*n]
	if to == nil {
		to = &flow.ServerName{Name: a.word("server", n.Name), Source: n.Source}
		a.servers[*n] = to
	}
	return to
}

// word replaces a word of a kind, as in "host1". Nothing stays nothing.
func (a *Anonymiser) word(kind, word string) string {
	if word == "" {
		return ""
	}
	known := a.words[kind]
	if known == nil {
		known = map[string]string{}
		a.words[kind] = known
	}
	for n := len(known) + 1; known[word] == ""; n++ {
		if to := kind + strconv.Itoa(n); !a.spoken[to] && !a.given[to] {
			known[word], a.given[to] = to, true
		}
	}
	return known[word]
}

func (a *Anonymiser) interfaceName(name string) string {
	if name == loopback {
		return name
	}
	return a.word("if", name)
}

func (a *Anonymiser) tuple(t flow.Tuple) flow.Tuple {
	t.Src, t.Dst = a.end(t.Src), a.end(t.Dst)
	return t
}

// holding replaces a process. Its command line goes.
func (a *Anonymiser) holding(h flow.Holding) flow.Holding {
	p := h.Process
	if p == nil {
		return h
	}
	to := a.processes[*p]
	if to == nil || *to == (flow.Process{}) {
		to = &flow.Process{
			PID: p.PID, Started: p.Started, Gone: p.Gone, UID: a.user(p.UID),
			Name: a.word("process", p.Name), User: a.word("user", p.User), Unit: a.word("unit", p.Unit),
			Container: a.word("container", p.Container), Pod: a.word("pod", p.Pod),
		}
		a.processes[*p] = to
	}
	h.Process = to
	return h
}

// user replaces the number of a user, but root's.
func (a *Anonymiser) user(id uint32) uint32 {
	if id == 0 {
		return 0
	}
	if _, ok := a.users[id]; !ok {
		a.users[id] = uint32(1000 + len(a.users))
	}
	return a.users[id]
}

// text replaces a text, if there is one.
func text(of string) string {
	if of == "" {
		return ""
	}
	return removed
}

// Snapshot returns a snapshot with everything replaced.
func (a *Anonymiser) Snapshot(s *flow.Snapshot) *flow.Snapshot {
	c := *s
	c.Host, c.Pair.Partner = a.word("host", s.Host), a.word("host", s.Pair.Partner)
	c.Interfaces = slices.Clone(s.Interfaces)
	for i := range c.Interfaces {
		at := &c.Interfaces[i]
		at.Host = a.word("host", at.Host)
		at.Name, at.Use, at.Behind = a.interfaceName(at.Name), text(at.Use), text(at.Behind)
	}
	c.Warnings = a.warnings(s.Warnings)
	c.Alerts = slices.Clone(s.Alerts)
	for i := range c.Alerts {
		at := &c.Alerts[i]
		at.Name, at.Filter = a.word("alert", at.Name), text(at.Filter)
	}
	c.Flows = slices.Clone(s.Flows)
	for i := range c.Flows {
		f := &c.Flows[i]
		f.Tuple, f.Holding, f.Server = a.tuple(f.Tuple), a.holding(f.Holding), a.server(f.Server)
	}
	c.Translations = slices.Clone(s.Translations)
	for i, t := range c.Translations {
		c.Translations[i] = a.tuple(t)
	}
	return &c
}

func (a *Anonymiser) warnings(list flow.Warnings) flow.Warnings {
	list = slices.Clone(list)
	for i := range list {
		w := &list[i]
		w.Detail = text(w.Detail)
		w.Interfaces = slices.Clone(w.Interfaces)
		for j, name := range w.Interfaces {
			w.Interfaces[j] = a.interfaceName(name)
		}
	}
	return list
}

// Event returns an event with everything replaced.
func (a *Anonymiser) Event(e *flow.Event) flow.Event {
	c := *e
	c.Tuple, c.Holding, c.Interface, c.Server = a.tuple(e.Tuple), a.holding(e.Holding), a.interfaceName(e.Interface), a.server(e.Server)
	c.Host = a.word("host", e.Host)
	return c
}
