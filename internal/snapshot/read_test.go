package snapshot_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/valyala/fastjson"

	"ctop/cmd/ctop/output"
	"ctop/internal/field"
	"ctop/internal/recording"
	"ctop/internal/snapshot"
	"ctop/tracker/flow"
)

// view returns a snapshot of n random flows with every member that a flow can have.
func view(n int) output.View {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	s := &flow.Snapshot{
		Time: time.Date(2026, 11, 22, 21, 4, 5, 6, time.UTC), Host: "edge \"1\" {[", MaxFlows: 1 << 20,
		Interfaces: []flow.Interface{{Name: "eth0", Host: "edge-1"}, {Name: "a\\\"]}b", Host: "edge-2"}},
		Timeouts:   flow.DefaultTimeouts(),
		Stalled:    make([]bool, 2),
	}
	for range n {
		f := random(r)
		if r.IntN(2) == 0 {
			t := flow.Tuple{Proto: f.Tuple.Proto, ICMPType: f.Tuple.ICMPType, ICMPCode: f.Tuple.ICMPCode}
			t.Src, t.Dst = end(r, t.Proto, !f.Tuple.Src.Addr().Is4()), end(r, t.Proto, !f.Tuple.Src.Addr().Is4())
			if t.Proto.HasICMP() {
				t.ICMPID = uint16(r.Uint32())
			}
			s.Translations = append(s.Translations, t)
			f.NAT = uint32(len(s.Translations))
		}
		s.Flows = append(s.Flows, f)
	}
	v := output.View{Snapshot: s}
	for i := range s.Flows {
		v.Rows = append(v.Rows, &s.Flows[i])
	}
	return v
}

func random(r *rand.Rand) flow.Flow {
	protocols := []flow.Protocol{flow.ProtocolTCP, flow.ProtocolUDP, flow.ProtocolICMP, flow.ProtocolICMPv6, 47, 200}
	span := func() time.Duration { return time.Duration(r.Uint32()) * time.Microsecond }
	half := func() flow.Half {
		return flow.Half{
			Packets: r.Uint64(), Bytes: r.Uint64(), PPS: float64(r.IntN(1000)) / 10, BPS: float64(r.IntN(1e6)) / 10, RTT: span(),
			Retransmits: uint16(r.Uint32()), Reordered: uint16(r.Uint32()), ZeroWindows: uint16(r.Uint32()),
		}
	}
	f := flow.Flow{
		ID: flow.ID(r.Uint64()), State: flow.States()[r.IntN(len(flow.States()))], In: uint16(r.IntN(2)),
		Origin: half(), Reply: half(), Age: span(), Idle: span(),
		Invalid: uint16(r.Uint32()), Related: uint16(r.Uint32()),
		ClosedBy: flow.Closer(r.IntN(3)), OneSided: r.IntN(2) == 0,
	}
	f.Timeout = f.Idle + span()
	t := &f.Tuple
	t.Proto = protocols[r.IntN(len(protocols))]
	six := t.Proto == flow.ProtocolICMPv6 || t.Proto != flow.ProtocolICMP && r.IntN(2) == 0
	t.Src, t.Dst = end(r, t.Proto, six), end(r, t.Proto, six)
	if t.Proto.HasICMP() {
		t.ICMPType, t.ICMPCode, t.ICMPID = uint8(r.Uint32()), uint8(r.Uint32()), uint16(r.Uint32())
	}
	if r.IntN(2) == 0 {
		t.VLAN, t.VLANInner, t.VLANThird, t.Session = 1+uint16(r.IntN(4094)), 2, 3, 1+uint16(r.IntN(65535))
	}
	if r.IntN(2) == 0 {
		f.SetLocal(flow.Ends(r.IntN(4)))
		f.Holding = flow.Holding{Process: &flow.Process{
			PID: r.Uint32N(3), Name: "ng\x1b[\"x", User: "www-data", Unit: "a.service", Container: "0a1b", Pod: "uid",
		}, End: flow.Direction(r.IntN(2))}
	}
	f.Holding.Inherited = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		f.Server = &flow.ServerName{Name: "www.example.org", Source: flow.NameSources()[r.IntN(3)]}
	}
	if r.IntN(2) == 0 {
		t.Zone, f.Outgoing = f.In+1, r.IntN(2) == 0
	}
	f.Holding.First = r.IntN(2) == 0
	return f
}

func end(r *rand.Rand, p flow.Protocol, six bool) flow.End {
	port := uint16(0)
	if p.HasPorts() {
		port = uint16(r.Uint32())
	}
	if six {
		return flow.EndFrom(netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.Uint32())}), port)
	}
	return flow.EndFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.Uint32())}), port)
}

func written(t *testing.T, f output.Format, v output.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := output.WriteSnapshot(&b, f, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, text []byte) *flow.Snapshot {
	t.Helper()
	s, err := snapshot.Read(context.Background(), bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The random flows have every member that a flow can have, and no other, so that the round
// trip fails if a member is not read.
func TestAllMembers(t *testing.T) {
	var p fastjson.Parser
	seen := map[string]bool{}
	for line := range bytes.SplitSeq(bytes.TrimSpace(written(t, output.JSONL, view(3000))), []byte("\n")) {
		v, err := p.ParseBytes(line)
		if err != nil {
			t.Fatal(err)
		}
		collect(seen, "", v)
	}
	for _, f := range field.Members() {
		// Whoever reads it has names of its own.
		looked := strings.HasPrefix(f.JSON, "names.") || strings.HasPrefix(f.JSON, "geo.")
		if !seen[f.JSON] && !looked {
			t.Errorf("no random flow has the member %q: add what has it", f.JSON)
		}
		delete(seen, f.JSON)
	}
	for name := range seen {
		t.Errorf("the member %q is not in the registry of fields", name)
	}
}

// collect collects the names of members.
func collect(seen map[string]bool, prefix string, v *fastjson.Value) {
	v.GetObject().Visit(func(k []byte, v *fastjson.Value) {
		if v.Type() == fastjson.TypeObject {
			collect(seen, prefix+string(k)+".", v)
			return
		}
		seen[prefix+string(k)] = true
	})
}

// A document that is read and written again is the same, byte for byte.
func TestRoundTrip(t *testing.T) {
	v := view(3000)
	for _, f := range []output.Format{output.JSON, output.JSONL} {
		t.Run(f.String(), func(t *testing.T) {
			want := written(t, f, v)
			again := output.View{Snapshot: read(t, want)}
			for i := range again.Flows {
				again.Rows = append(again.Rows, &again.Flows[i])
			}
			got, want := written(t, output.JSONL, again), written(t, output.JSONL, v)
			if !bytes.Equal(got, want) {
				g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
				for i := range min(len(g), len(w)) {
					if !bytes.Equal(g[i], w[i]) {
						t.Fatalf("line %d is\n%s\nwant\n%s", i, g[i], w[i])
					}
				}
				t.Fatalf("%d lines, want %d", len(g), len(w))
			}
			if f == output.JSON && (!again.Time.Equal(v.Time) || again.Host != v.Host || again.MaxFlows != v.MaxFlows) {
				t.Errorf("%v %q %d", again.Time, again.Host, again.MaxFlows)
			}
		})
	}
}

// What is read does not depend on where the pieces of the file end.
func TestPieces(t *testing.T) {
	text := written(t, output.JSON, view(40))
	want := read(t, text)
	got, err := snapshot.Read(context.Background(), iotest.OneByteReader(bytes.NewReader(text)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %d flows, want %d", err, len(got.Flows), len(want.Flows))
	}
}

// What is read does not depend on how the lines are broken.
func TestLines(t *testing.T) {
	text := written(t, output.JSON, view(40))
	want := read(t, text)
	flat := bytes.ReplaceAll(text, []byte("\n"), nil)
	for name, other := range map[string][]byte{
		"one line":          flat,
		"two flows a line":  bytes.ReplaceAll(flat, []byte(`},    {"id"`), []byte("},{\"id\"")),
		"CRLF":              bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
		"no lines of flows": bytes.ReplaceAll(text, []byte("},\n    {\"id\""), []byte("}\n,{\"id\"")),
		"pieces of flows":   bytes.ReplaceAll(text, []byte(`},"`), []byte("}\n,\"")),
		"half flows":        bytes.ReplaceAll(text, []byte(`"reply":{`), []byte("\"other\":{}\n,\"reply\":{")),
	} {
		if got := read(t, other); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d flows, want %d", name, len(got.Flows), len(want.Flows))
		}
	}
}

// The error says which flow and which of its members is wrong.
func TestWrongFlow(t *testing.T) {
	text := written(t, output.JSON, view(40))
	_, err := snapshot.Read(context.Background(), bytes.NewReader(bytes.Replace(text, []byte(`"state":"`), []byte(`"state":"X`), 1)))
	if err == nil || !strings.Contains(err.Error(), "flow 1: member \"state\": nothing is called \"X") {
		t.Errorf("error %v", err)
	}
}

// Of several snapshots in a file the last one counts.
func TestLastOneCounts(t *testing.T) {
	early, late := view(5), view(3)
	late.Time = late.Time.Add(time.Minute)
	early.Stamped, late.Stamped = true, true
	for _, f := range []output.Format{output.JSON, output.JSONL} {
		s := read(t, append(written(t, f, early), written(t, f, late)...))
		if len(s.Flows) != 3 || !s.Time.Equal(late.Time) {
			t.Errorf("%s: %d flows at %s", f, len(s.Flows), s.Time)
		}
	}
	var b bytes.Buffer
	w, err := recording.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []output.View{early, late} {
		if err := w.Snapshot(v.Snapshot); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s := read(t, b.Bytes()); len(s.Flows) != 3 || !s.Time.Equal(late.Time) {
		t.Errorf("recording: %d flows at %s", len(s.Flows), s.Time)
	}
	if s := read(t, b.Bytes()[:b.Len()-20]); len(s.Flows) == 0 {
		t.Error("a recording without its end has no snapshot")
	}
}

// JSON that another program has formatted and sorted is read, too.
func TestReformatted(t *testing.T) {
	text := `{
	  "flows": [ {
	    "id": "9f3c5a1e2b4d6f80", "state": "NEW", "proto": "udp", "unknown": [{"flows": [1]}],
	    "origin": {"dst": "::1", "src": "::2", "sport": 1, "packets": 1},
	    "reply": {"src": "::1", "sport": 2}
	  } ],
	  "schema": "ctop.snapshot/1",
	  "time": "2026-11-22T21:04:05Z"
	}`
	s := read(t, []byte(text))
	if len(s.Flows) != 1 || s.Flows[0].Tuple.String() != "udp [::2]:1 → [::1]:2" {
		t.Errorf("flows %v", s.Flows)
	}
}

// Other files are refused in one line.
func TestRefused(t *testing.T) {
	good := string(written(t, output.JSON, view(1)))
	line := string(written(t, output.JSONL, view(1)))
	for name, text := range map[string]string{
		"empty": "", "text": "root:x:0:0", "string": `"flows"`, "list": "[1]", "brackets": "}",
		"truncated": good[:len(good)/2], "events": `{"schema":"ctop.events/1","time":"x"}`,
		"another line": `{"time":"2026-11-22T21:04:05Z","event":"new"}`,
		"long":         `{"flows":[{"id":"` + strings.Repeat("x", 2<<20) + `"}]}`,
		"long head":    `{"x":"` + strings.Repeat("x", 2<<20) + `"}`,
		"no time":      `{"schema":"ctop.snapshot/1","flows":[]}`,
		"year":         strings.Replace(good, `"time": "2026-11-22T21:04:05.000000006Z"`, `"time": "9999-12-31T23:59:59-01:00"`, 1),
		"number":       strings.Replace(line, `"packets":`, `"packets":-`, 1),
		"zone":         strings.Replace(line, `"src":"`, `"src":"fe80::1%x`, 1),
		"state":        strings.Replace(line, `"state":"`, `"state":"X`, 1),
		"syntax":       strings.Replace(line, `"state":`, `"state"`, 1),
	} {
		s, err := snapshot.Read(context.Background(), strings.NewReader(text))
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// FuzzRead reads anything without a panic, and what it takes for a snapshot can be
// written and read again.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := output.WriteSnapshot(&b, output.JSON, view(2)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"id":"1","state":"NEW","proto":"icmp","origin":{"src":"1.2.3.4","type":8},"reply":{"src":"1.2.3.5"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := snapshot.Read(context.Background(), bytes.NewReader(text))
		if err != nil {
			return
		}
		v := output.View{Snapshot: s}
		for i := range s.Flows {
			v.Rows = append(v.Rows, &s.Flows[i])
		}
		if len(v.Rows) == 0 {
			return
		}
		again := read(t, written(t, output.JSONL, v))
		if len(again.Flows) != len(s.Flows) {
			t.Errorf("%d flows, then %d", len(s.Flows), len(again.Flows))
		}
	})
}

// However much of a file is wrong, an error says it on one short line.
func TestErrorsAreShort(t *testing.T) {
	const deep = 1000
	for name, text := range map[string]string{
		"deep": `{"schema":"ctop.snapshot/1","x":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`,
		"long": `{"id":"` + strings.Repeat("é\x1b", 1<<16) + `"}`,
	} {
		_, err := snapshot.Read(context.Background(), strings.NewReader(text))
		if err == nil || len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: the error is %.1000q", name, err)
		}
	}
}

// A document does not name the timeouts of its flows: they follow from protocol, state and
// how long they are.
func TestTimeoutsAreNamed(t *testing.T) {
	usual := flow.DefaultTimeouts()
	s := view(0).Snapshot
	add := func(p flow.Protocol, state flow.State, timeout time.Duration, own bool, name flow.TimeoutName) {
		f := random(rand.New(rand.NewPCG(1, uint64(len(s.Flows)))))
		f.Tuple.Proto, f.State, f.Idle, f.Timeout, f.OwnTimeout, f.TimeoutName = p, state, 1234567*time.Nanosecond, timeout, own, name
		s.Flows = append(s.Flows, f)
	}
	for _, state := range flow.States() {
		name := flow.TimeoutOf(flow.ProtocolTCP, state)
		add(flow.ProtocolTCP, state, usual[name], false, name)
	}
	add(flow.ProtocolTCP, flow.StateEstablished, usual[flow.TCPUnacknowledged], false, flow.TCPUnacknowledged)
	add(flow.ProtocolTCP, flow.StateEstablished, 77*time.Second, true, flow.TCPEstablished)
	add(flow.ProtocolTCP, flow.StateSynSent, usual[flow.TCPUnacknowledged], true, flow.TCPSynSent)
	add(flow.ProtocolUDP, flow.StateNew, usual[flow.UDPUnidirectional], false, flow.UDPUnidirectional)
	add(flow.ProtocolICMP, flow.StateEstablished, usual[flow.ICMP], false, flow.ICMP)
	add(flow.ProtocolTCP, flow.StateEstablished, 0, false, flow.TCPEstablished)
	s.Flows[len(s.Flows)-1].Timeout = s.Flows[len(s.Flows)-1].Idle // it is over
	v := output.View{Snapshot: s}
	for i := range s.Flows {
		v.Rows = append(v.Rows, &s.Flows[i])
	}
	for i, got := range read(t, written(t, output.JSON, v)).Flows {
		if want := s.Flows[i]; got.TimeoutName != want.TimeoutName || got.OwnTimeout != want.OwnTimeout {
			t.Errorf("%v %v of %v: %v, its own: %v; want %v, %v", got.Tuple.Proto, got.State, want.Timeout, got.TimeoutName, got.OwnTimeout, want.TimeoutName, want.OwnTimeout)
		}
	}
	for i, got := range read(t, written(t, output.JSONL, v)).Flows {
		if want := flow.TimeoutOf(s.Flows[i].Tuple.Proto, s.Flows[i].State); got.TimeoutName != want {
			t.Errorf("on a line: %v, want %v", got.TimeoutName, want)
		}
	}
}
