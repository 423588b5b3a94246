package output_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/tracker/flow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with what is expected to be, and says how
// to accept it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update accepts it):\n%s", path, got)
	}
}

func write(t *testing.T, f output.Format, v output.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := output.WriteSnapshot(&b, f, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func formats() []output.Format {
	return []output.Format{output.Table, output.Wide, output.JSON, output.JSONL, output.CSV}
}

func TestSnapshot(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.String(), func(t *testing.T) {
			golden(t, "snapshot."+f.String(), write(t, f, sample(true)))
		})
	}
}

func TestNoFlows(t *testing.T) {
	v := sample(false)
	v.Flows, v.Rows = nil, nil
	for _, f := range formats() {
		t.Run(f.String(), func(t *testing.T) {
			golden(t, "empty."+f.String(), write(t, f, v))
		})
	}
}

// TestRepeated has what tells one snapshot from the next.
func TestRepeated(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.UTC
	for _, f := range []output.Format{output.Table, output.JSONL, output.CSV} {
		t.Run(f.String(), func(t *testing.T) {
			v := sample(false)
			v.Stamped = true
			text := write(t, f, v)
			v.Continued = true
			golden(t, "repeated."+f.String(), append(text, write(t, f, v)...))
		})
	}
}

// TestContract reads the example of the contract and what is written for the
// same snapshot, and expects everything in the first to be in the second, in
// the same order and with the same value.
func TestContract(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("testdata", "contract.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := flatten(t, example)
	got := flatten(t, write(t, output.JSON, sample(false)))
	next := 0
	for _, field := range want {
		i := slices.Index(got[next:], field)
		if i < 0 {
			t.Errorf("%s = %s is not there, or not in its place", field.path, field.value)
			continue
		}
		next += i + 1
	}
}

// TestOnlyAdditions names the fields that are there beyond the contract's
// example, so that none gets in unseen.
func TestOnlyAdditions(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("testdata", "contract.json"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range flatten(t, example) {
		known[f.path] = true
	}
	var added []string
	for _, f := range flatten(t, write(t, output.JSON, sample(false))) {
		if !known[f.path] {
			added = append(added, f.path)
		}
	}
	golden(t, "additions.txt", []byte(strings.Join(added, "\n")+"\n"))
}

// field is one value of a document and the way to it.
type field struct{ path, value string }

// flatten lists the values of a document in their order.
func flatten(t *testing.T, text []byte) []field {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	fields, err := values(d, "")
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one document: %v", err)
	}
	return fields
}

func values(d *json.Decoder, path string) ([]field, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		text, err := json.Marshal(token)
		return []field{{path, string(text)}}, err
	}
	var fields []field
	for d.More() {
		name := "[]"
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name = "." + key.(string)
		}
		inner, err := values(d, path+name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, inner...)
	}
	_, err = d.Token()
	return fields, err
}

func TestLinesAreTheDocumentsFlows(t *testing.T) {
	var document struct{ Flows []json.RawMessage }
	if err := json.Unmarshal(write(t, output.JSON, sample(true)), &document); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(write(t, output.JSONL, sample(true))), []byte("\n"))
	if len(lines) != len(document.Flows) {
		t.Fatalf("%d lines, %d flows", len(lines), len(document.Flows))
	}
	for i, line := range lines {
		if !bytes.Equal(line, document.Flows[i]) {
			t.Errorf("line %d is\n%s, the flow\n%s", i, line, document.Flows[i])
		}
	}
}

func TestCSVIsWellFormed(t *testing.T) {
	v := sample(true)
	v.Interfaces[0].Name = `a,"b`
	records, err := csv.NewReader(bytes.NewReader(write(t, output.CSV, v))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	in := slices.Index(records[0], "in")
	if got := records[1][in]; got != v.Interfaces[0].Name {
		t.Errorf("the interface is %q", got)
	}
}

// TestCSVHasEveryField compares the columns with the paths in JSON, of flows and
// of events: neither form tells what the other leaves out.
func TestCSVHasEveryField(t *testing.T) {
	v := sample(true)
	v.Flows[0].Origin.RTT = time.Millisecond
	v.Flows[0].OneSided, v.Flows[0].Tuple.Zone, v.Flows[0].Reply.Local, v.Flows[0].Holding.First, v.Flows[0].Holding.Inherited = true, 1, true, true, true
	v.Flows[0].NAT, v.Flows[2].NAT, v.Translations = 1, 2, []flow.Tuple{v.Flows[0].Tuple, v.Flows[2].Tuple}
	flows := write(t, output.JSONL, v)
	var events []byte
	for _, e := range append(sampleEvents(), flow.Event{Type: flow.EventNew, Tuple: v.Flows[1].Tuple},
		flow.Event{Type: flow.EventNew, Tuple: v.Flows[0].Tuple, Reply: flow.Half{Local: true}, Interface: "eth0", Host: "edge-1"}) {
		events = output.AppendEvent(events, output.JSONL, &e)
	}
	v.Interfaces[0].Host, v.Interfaces[1].Host = "edge-1", "edge-2"
	flows = append(flows, write(t, output.JSONL, v)...)
	header, _, _ := strings.Cut(string(write(t, output.CSV, v)), "\n")
	sameFields(t, header, flows)
	sameFields(t, strings.TrimSpace(output.EventHeader(output.CSV)), events)
}

// sameFields expects a CSV header to name what the lines of JSON have in all.
func sameFields(t *testing.T, header string, lines []byte) {
	t.Helper()
	columns := strings.Split(header, ",")
	var paths []string
	for line := range bytes.Lines(lines) {
		for _, f := range flatten(t, line) {
			paths = append(paths, strings.TrimPrefix(f.path, "."))
		}
	}
	slices.Sort(columns)
	slices.Sort(paths)
	if paths = slices.Compact(paths); !slices.Equal(columns, paths) {
		t.Errorf("CSV has\n%q\nand JSON\n%q", columns, paths)
	}
}

// TestUnits holds the fields to what their names say: durations are seconds, and
// end in _s.
func TestUnits(t *testing.T) {
	for _, f := range flatten(t, write(t, output.JSON, sample(true))) {
		if strings.HasSuffix(f.path, "_ms") || strings.HasSuffix(f.path, "_ns") {
			t.Errorf("%s is not in seconds", f.path)
		}
		if f.path == ".flows[].reply.rtt_s" && f.value != "0.00125" {
			t.Errorf("a round trip of 1.25 ms is %s s", f.value)
		}
	}
}

func TestNamesFromOutside(t *testing.T) {
	v := sample(true)
	v.Host = "a\"b\n"
	v.Interfaces[0].Name = "ve\"th\x1b[31m\xff"
	flatten(t, write(t, output.JSON, v))
	for _, f := range formats() {
		if text := write(t, f, v); bytes.ContainsRune(text, '\x1b') {
			t.Errorf("%s: an escape sequence got through:\n%q", f, text)
		}
	}
}

func TestEvents(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.UTC
	for _, f := range []output.Format{output.Table, output.Wide, output.JSONL, output.CSV} {
		t.Run(f.String(), func(t *testing.T) {
			text := []byte(output.EventHeader(f))
			for _, e := range sampleEvents() {
				text = output.AppendEvent(text, f, &e)
			}
			golden(t, "events."+f.String(), text)
		})
	}
}

// TestEventContract has the two lines that the contract gives.
func TestEventContract(t *testing.T) {
	events := sampleEvents()
	for _, tt := range []struct {
		event flow.Event
		want  string
	}{
		{events[1], `{"time":"2026-11-22T21:04:05.000000000Z","event":"update","id":"9f3c5a1e2b4d6f80","proto":"tcp","src":"10.0.0.1","sport":40000,"dst":"10.0.0.2","dport":5201,"from":"SYN_RECV","to":"ESTABLISHED","direction":"origin"}`},
		{events[3], `{"event":"lost","count":123}`},
	} {
		if got := string(output.AppendEvent(nil, output.JSONL, &tt.event)); got != tt.want+"\n" {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
	}
}

func TestEventsAreWellFormed(t *testing.T) {
	text := output.EventHeader(output.CSV)
	for _, e := range sampleEvents() {
		text += string(output.AppendEvent(nil, output.CSV, &e))
		flatten(t, output.AppendEvent(nil, output.JSONL, &e))
	}
	if _, err := csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil {
		t.Error(err)
	}
}

func TestTimeouts(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.String(), func(t *testing.T) {
			var b bytes.Buffer
			if err := output.WriteTimeouts(&b, f, flow.DefaultTimeouts()); err != nil {
				t.Fatal(err)
			}
			golden(t, "timeouts."+f.String(), b.Bytes())
		})
	}
}

func TestSummary(t *testing.T) {
	v := sample(true)
	v.Rows = v.Rows[:1]
	v.Counters.EventsLost = 7
	v.Warnings = flow.Warnings{{Kind: flow.WarningDown, Interfaces: []string{"veth2"}}}
	const want = "veth1 ⇄ veth2, native, observe, 1 shown, 4 flows of 65,536, 100 packets, 0 dropped, 7 events lost, veth2 down"
	if got := output.Summary(v); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestFormatNames(t *testing.T) {
	for _, want := range formats() {
		var got output.Format
		if err := got.Set(want.String()); err != nil || got != want {
			t.Errorf("%s reads as %s, %v", want, got, err)
		}
	}
	var f output.Format
	if err := f.Set("xml"); err == nil || !strings.Contains(err.Error(), "jsonl") {
		t.Errorf("xml: %v", err)
	}
}

// failing is a file on a full disk.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteFails(t *testing.T) {
	for _, f := range formats() {
		if err := output.WriteSnapshot(failing{}, f, sample(true)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func BenchmarkFlows(b *testing.B) {
	v := sample(false)
	flow := v.Rows[0]
	v.Rows = nil
	for range 10_000 {
		v.Rows = append(v.Rows, flow)
	}
	for _, f := range formats() {
		b.Run(f.String(), func(b *testing.B) {
			for b.Loop() {
				if err := output.WriteSnapshot(io.Discard, f, v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(v.Rows)), "ns/flow")
		})
	}
}
