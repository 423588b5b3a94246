package bpf

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"ctop/internal/frame"
)

// conversation returns the frames that the fuzzer mutates: several connections and
// protocols, in order.
func conversation() (frames [][]byte) {
	there := frame.Segment{Window: 10000, Sport: 40000, Dport: 443}
	back := frame.Segment{Window: 10000, Sport: 443, Dport: 40000}
	type packet struct {
		from     *frame.Segment
		flags    uint8
		seq, ack uint32
		payload  int
	}
	for _, p := range []packet{
		{&there, frame.SYN, 1000, 0, 0},
		{&back, frame.SYN | frame.ACK, 5000, 1001, 0},
		{&there, frame.ACK, 1001, 5001, 0},
		{&there, frame.ACK | frame.PSH, 1001, 5001, 100},
		{&back, frame.ACK, 5001, 1101, 20},
		{&there, frame.SYN, 30000, 0, 0},
		{&back, frame.SYN | frame.ACK, 90000, 30001, 0},
		{&there, frame.FIN | frame.ACK, 1101, 5021, 0},
		{&back, frame.FIN | frame.ACK, 5021, 1102, 0},
		{&back, frame.ACK, 5021, 1102, 0},
		{&there, frame.ACK, 1102, 5022, 0},
		{&there, frame.RST, 1101, 0, 0},
		{&back, frame.RST | frame.ACK, 5021, 1101, 0},
		{&back, frame.RST | frame.ACK, 0, 1001, 0},
		{&back, frame.SYN, 5000, 0, 0},
		{&there, frame.SYN | frame.ACK, 1000, 5001, 0},
	} {
		s := *p.from
		s.Flags, s.Seq, s.Ack, s.Payload = p.flags, p.seq, p.ack, p.payload
		if p.flags&frame.SYN != 0 {
			s.Options = tcpOptions
		}
		f := frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: s.Bytes()}
		if s.Sport == 443 {
			f.Src, f.Dst = f.Dst, f.Src
		}
		frames = append(frames, f.Bytes())
	}
	udp := udpFrame(client4, server4, 1, 2, 30)
	first := udp
	first.Fragment = frame.MoreFragments
	later := udp
	later.Fragment = 50
	for _, f := range []frame.Frame{
		udp, udp.Reply(frame.Datagram(2, 1, 40)), first, later,
		icmpFrame(client4, server4, 8), icmpFrame(server4, client4, 0),
		errorAbout(udp, 3, 100), errorAbout(synFrame(client6, server6), 1, 100),
		icmpFrame(client6, server6, 135),
	} {
		frames = append(frames, f.Bytes())
	}
	whole := wholeFrames()
	for _, name := range []string{"TCP over IPv6", "IPv4 options", "VLAN", "extension headers", "QinQ and extension headers", "GRE"} {
		frames = append(frames, whole[name].Bytes())
	}
	return append(frames, frame.Raw(frame.EtherARP, frame.Payload(46)))
}

// mutation changes one frame of the conversation. It is eight bytes of a script.
type mutation struct {
	// Frame selects the frame. How has one bit each for tc, the second side,
	// enforce, passing time, truncation and a second change.
	Frame, How uint8
	// At and Value change a byte of the headers. Other is the value of the
	// second change, or the new length.
	At, Value, Other, Again uint8
	// Wait is how much time passes.
	Wait uint16
}

func (m mutation) apply(whole []byte) []byte {
	b := append([]byte(nil), whole...)
	if m.Value != 0 {
		b[int(m.At)%len(b)] ^= m.Value
	}
	if m.How&32 != 0 {
		b[int(m.Again)%len(b)] = m.Other
	} else if m.How&16 != 0 {
		b = b[:frame.HeaderSize+int(m.Other)%(len(b)-frame.HeaderSize+1)]
	}
	return b
}

// transitions are the permitted changes of state. A flow may reach the states of a
// close at once if FINs came before its handshake was complete.
var transitions = map[string][]string{
	"-":           {"NEW", "SYN_SENT", "SYN_RECV", "ESTABLISHED"},
	"NEW":         {"SYN_RECV", "SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "LAST_ACK"},
	"SYN_SENT":    {"SYN_RECV", "NEW"},
	"SYN_RECV":    {"ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "LAST_ACK"},
	"ESTABLISHED": {"FIN_WAIT_1"},
	"FIN_WAIT_1":  {"FIN_WAIT_2", "LAST_ACK", "ESTABLISHED"},
	"FIN_WAIT_2":  {"TIME_WAIT", "ESTABLISHED", "FIN_WAIT_1"},
}

func FuzzPackets(f *testing.F) {
	h := newHarness(f, setup{})
	frames := conversation()
	for _, script := range seeds(len(frames)) {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		h.t = t
		h.reset()
		for n := 0; len(script) >= 8 && n < 48; n++ {
			var m mutation
			if _, err := binary.Decode(script, binary.LittleEndian, &m); err != nil {
				t.Fatal(err)
			}
			script = script[8:]
			h.mutated(m, frames[int(m.Frame)%len(frames)])
		}
	})
}

// seeds returns scripts that play the conversation unchanged, by either hook, and parts
// of it in other orders.
func seeds(frames int) (scripts [][]byte) {
	orders := [][]uint8{
		{0, 1, 2, 3, 4, 7, 8, 10},
		{0, 1, 2, 7, 9, 8, 10, 5},
		{0, 14, 15, 1},
		{0, 1, 2, 5, 6},
		{0, 13},
		{0, 1, 2, 11},
		{0, 1, 2, 12},
		{3, 4, 7, 8, 10},
		{3, 7, 9, 8},
		{0, 1, 8, 7, 10},
	}
	all := make([]uint8, frames)
	for i := range all {
		all[i] = uint8(i)
	}
	for _, order := range append(orders, all) {
		for _, how := range []uint8{0, 1, 4, 2} {
			var script []byte
			for _, i := range order {
				script = append(script, i, how, 0, 0, 0, 0, 0, 0)
			}
			scripts = append(scripts, script)
		}
	}
	return scripts
}

// mutated sends one packet and checks the invariants of all packets. run checks that it
// comes out unaltered.
func (h *harness) mutated(m mutation, whole []byte) {
	h.t.Helper()
	by := hookXDP
	if m.How&1 != 0 {
		by = hookTC
	}
	data := m.apply(whole)
	if by == hookTC && len(data) < frame.HeaderSize+40 {
		by = hookXDP
	}
	h.config.Policy = uint32(m.How >> 2 & 1)
	if m.How&8 != 0 {
		h.wait(uint64(m.Wait))
	}
	h.configure()
	h.come(int(m.How >> 1 & 1))
	before, flows := h.counters(), h.count()
	forwarded := h.run(by, data)
	counted := h.since(before)
	h.balanced(counted, data, forwarded)
	if after := h.count(); after-flows != int(counted.Created)-ended(counted) {
		h.t.Fatalf("%d flows became %d: %+v", flows, after, counted)
	}
	h.allowed(counted)
}

func ended(counted ConntrackCpuStats) (n int) {
	for _, destroyed := range counted.Destroyed {
		n += int(destroyed)
	}
	return n
}

// balanced checks that the counters of one packet add up.
func (h *harness) balanced(counted ConntrackCpuStats, data []byte, forwarded bool) {
	h.t.Helper()
	var verdicts, reasons uint64
	for _, n := range counted.Verdict {
		verdicts += n
	}
	for _, n := range counted.Invalid {
		reasons += n
	}
	invalid := counted.Verdict[ConntrackVerdictVERDICT_INVALID]
	passes := uint64(1)
	if !forwarded {
		passes = 0
	}
	drop := invalid
	if h.config.Policy == uint32(ConntrackPolicyPOLICY_OBSERVE) {
		drop = 0
	}
	if verdicts != 1 || reasons != invalid || counted.Bytes != uint64(len(data)) ||
		passes+counted.Dropped != 1 || counted.Dropped != drop || counted.Created > 1 || counted.Races != 0 {
		h.t.Fatalf("forwarded %t, counted %+v\n%x", forwarded, counted, data)
	}
	if counted.Created > counted.Verdict[ConntrackVerdictVERDICT_NEW] {
		h.t.Fatalf("a flow began, but no packet was new: %+v", counted)
	}
}

// allowed checks every change of state against the table.
func (h *harness) allowed(counted ConntrackCpuStats) {
	h.t.Helper()
	events := h.drain()
	if uint64(len(events)) != eventsMade(counted) {
		h.t.Fatalf("%d events, %d counted", len(events), eventsMade(counted))
	}
	for _, e := range events {
		from, to := stateNames[ConntrackFlowState(e.From)], stateNames[ConntrackFlowState(e.To)]
		if ConntrackFlowState(e.To) == ConntrackFlowStateSTATE_NONE {
			if e.Reason == 0 || ConntrackReason(e.Reason) == ConntrackReasonREASON_CLOSED && from != "LAST_ACK" {
				h.t.Fatalf("%s ended with reason %q", from, reasonNames[e.Reason])
			}
			continue
		}
		found := false
		for _, state := range transitions[from] {
			found = found || state == to
		}
		if !found || e.Key.Proto != frame.ProtoTCP && to != "NEW" && to != "ESTABLISHED" {
			h.t.Fatalf("protocol %d went from %s to %s", e.Key.Proto, from, to)
		}
	}
}

// TestTransitionsAreDocumented looks in the docs for every change of state that the
// fuzzer permits.
func TestTransitionsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../docs/architecture.md")
	ok(t, err)
	_, table, found := strings.Cut(string(docs), "## Transitions")
	table, _, ends := strings.Cut(table, "\n## ")
	if !found || !ends {
		t.Fatal("docs/architecture.md has no transitions")
	}
	documented := func(from, to string) bool {
		for line := range strings.Lines(table) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 || !strings.Contains(cells[3], "`"+to+"`") {
				continue
			}
			begins := strings.Contains(cells[1], "none") || strings.Contains(cells[3], "reused")
			if strings.Contains(cells[1], "`"+from+"`") || from == "-" && begins {
				return true
			}
		}
		return false
	}
	for from, all := range transitions {
		for _, to := range all {
			if !documented(from, to) {
				t.Errorf("the docs do not have %s to %s", from, to)
			}
		}
	}
}
