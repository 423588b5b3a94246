package recording_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ctop/cmd/ctop/output"
	"ctop/internal/order"
	"ctop/internal/recording"
	"ctop/tracker/flow"
)

// TestZone refuses addresses with text in them.
func TestZone(t *testing.T) {
	file, err := os.ReadFile("testdata/zone.ctop")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := items(file); !errors.Is(err, recording.ErrBroken) {
		t.Errorf("%d items, %v", len(list), err)
	}
}

// heapAtEnd measures the heap once everything has been read.
type heapAtEnd struct {
	io.Reader
	heap uint64
}

func (h *heapAtEnd) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err != nil {
		h.heap = heap()
	}
	return n, err
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestRepeatedFlow checks that a flow takes memory once, however often it
// occurs.
func TestRepeatedFlow(t *testing.T) {
	const times = 200_000
	const one = `{"Flow":{"ID":1,"State":4,"Tuple":{"Src":"1.2.3.4:5","Dst":"1.2.3.4:5"}}}` + "\n"
	head := fmt.Sprintf(`{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":%d},"Changed":%d}}`+"\n", times, times)
	in := &heapAtEnd{Reader: bytes.NewReader(packed(head + strings.Repeat(one, times)))}
	before := heap()
	r, err := recording.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	item, err := r.Next(context.Background())
	if err != nil || len(item.Snapshot.Flows) != 1 {
		t.Fatal(err)
	}
	if more := int64(in.heap) - int64(before); in.heap == 0 || more > 4<<20 {
		t.Errorf("%d bytes more", more)
	}
}

// TestLongNames checks that an event or a flow with a name that no machine has is refused:
// a hundred thousand of them are kept. The longest names of real ones are read.
func TestLongNames(t *testing.T) {
	const head = `{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":5},"Changed":1}}` + "\n"
	const tuple = `"Tuple":{"Src":"1.2.3.4:5","Dst":"1.2.3.4:5"}`
	lines := func(n int) map[string]string {
		process := fmt.Sprintf(`"Holding":{"Process":{"PID":1,"Unit":"%s"}}`, strings.Repeat("u", n))
		return map[string]string{
			"event": `{"Event":{"Time":"2026-11-23T04:00:00Z","Type":1,"To":1,` + tuple + `,` + process + "}}\n",
			"flow":  head + `{"Flow":{"ID":1,"State":4,` + tuple + `,` + process + "}}\n",
		}
	}
	for kind, line := range lines(255) {
		if list, err := items(packed(line)); !errors.Is(err, io.EOF) || len(list) != 1 {
			t.Errorf("%s: %d items, %v", kind, len(list), err)
		}
	}
	for kind, line := range lines(900_000) {
		if list, err := items(packed(line)); !errors.Is(err, recording.ErrBroken) || len(list) != 0 {
			t.Errorf("%s with a long name: %d items, %v", kind, len(list), err)
		}
	}
}

// TestEndlessSnapshot checks that an endless snapshot is refused at its head,
// and that reading stops with its context.
func TestEndlessSnapshot(t *testing.T) {
	for _, lines := range []string{`"Changed":1000`, `"Gone":1000`} {
		head := `{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":5},` + lines + "}}\n"
		from, to := io.Pipe()
		go func() {
			_, _ = io.WriteString(to, "ctop.recording/1\n")
			z := gzip.NewWriter(to)
			_, _ = io.WriteString(z, head)
			_ = z.Flush() // and nothing comes after it
		}()
		r, err := recording.NewReader(from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(context.Background()); !errors.Is(err, recording.ErrBroken) {
			t.Errorf("%s: %v", lines, err)
		}
		_ = from.Close()
	}
	r, err := recording.NewReader(bytes.NewReader(sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// steers reports whether text could control a terminal (ECMA-48: the control
// characters of C0 and C1, and DEL). Line ends are allowed.
func steers(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) && r != '\n' {
			return true
		}
		text = text[n:]
	}
	return false
}

// checkEvent and checkSnapshot print in every format.
func checkEvent(t *testing.T, e *flow.Event) {
	for form := output.Table; form <= output.CSV; form++ {
		check(t, form, output.AppendEvent(nil, form, e))
	}
}

func checkSnapshot(t *testing.T, s *flow.Snapshot) {
	rows := order.Arrange(order.Request{Snapshot: s}).Rows
	v := output.View{Snapshot: s, Rows: rows}
	for form := output.Table; form <= output.CSV; form++ {
		var b bytes.Buffer
		if err := output.WriteSnapshot(&b, form, v); err != nil {
			t.Fatal(err)
		}
		check(t, form, b.Bytes())
	}
	check(t, output.Table, []byte(output.Summary(v)))
}

func check(t *testing.T, form output.Format, text []byte) {
	t.Helper()
	if steers(text) {
		t.Fatalf("%s steers a terminal: %q", form, text)
	}
	parts := [][]byte{text}
	switch form {
	case output.JSONL:
		parts = bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	case output.JSON:
	default:
		return
	}
	for _, part := range parts {
		if len(part) > 0 && !json.Valid(part) {
			t.Fatalf("%s is not valid: %q", form, part)
		}
	}
}

// TestOutputsOfHostileNames prints names that the kernel allows (netdevice(7):
// any byte but slash, colon and blanks), and text that only a forged file
// contains.
func TestOutputsOfHostileNames(t *testing.T) {
	s := snapshot(0, flow4(1, 5, 0, 0))
	for i, name := range []string{"\x1b[2J\x07\"\\,", "\u009b31m\x7f\xff\u202e"} {
		s.Interfaces[i].Name = name
	}
	s.Host = "h\u009d0;x\u009c"
	s.Warnings = flow.Warnings{
		{Detail: "w\x1b]52;c;AA==\x07"},
		{Kind: flow.WarningDown, Interfaces: []string{"\u009b2J"}},
		{Kind: flow.WarningMTU},
		{Kind: 99},
	}
	s.Flows = append(s.Flows, s.Flows[0])
	s.Flows[1].ID, s.Flows[1].In = 2, 1
	checkSnapshot(t, s)
	in := s.Names()
	for side := range uint16(3) {
		for form := output.Table; form <= output.CSV; form++ {
			check(t, form, output.AppendTrace(nil, form, &flow.Trace{Time: s.Time, In: side, Tuple: s.Flows[0].Tuple}, in))
		}
	}
}

// FuzzReader checks that no input harms the program that shows it: no output
// controls a terminal, and JSON stays valid.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":5},"Changed":1}}` + "\n" +
		`{"Flow":{"ID":1,"State":4,"Tuple":{"Proto":6,"Src":"1.2.3.4:5","Dst":"1.2.3.4:5"}}}` + "\n" +
		`{"Event":{"Time":"2026-11-23T04:00:00Z","Type":3,"Tuple":{"Proto":1,"Src":"[::1]:5","Dst":"[::1]:5"},"Reason":5}}`))
	f.Add([]byte(`{"Event":{"Time":"2026-11-23T04:00:00Z","Type":3,"Tuple":{"Proto":1,"Src":"[::1%\u001b[2J\"]:5","Dst":"[::1]:5"},"Reason":5}}`))
	f.Add([]byte(`{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":5,"Host":"\u001b","Warnings":["\u009b2J",{"Kind":"used","Interfaces":["\u009b2J"]},{"Kind":"mtu"}],` +
		`"Interfaces":[{"Name":"\u001b[2J"},{"Name":"\"\u007f"}],"Uptime":-9223372036854775808}}}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		list, err := items(packed(string(lines)))
		if !errors.Is(err, io.EOF) && !errors.Is(err, recording.ErrBroken) {
			t.Fatal(err)
		}
		for _, item := range list {
			if item.Event != nil {
				checkEvent(t, item.Event)
			} else {
				checkSnapshot(t, item.Snapshot)
			}
		}
	})
}

// TestBomb checks that a small file takes little memory, whatever its header claims.
func TestBomb(t *testing.T) {
	const times = 50_000
	var b strings.Builder
	fmt.Fprintf(&b, `{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":%d},"Changed":%d}}`+"\n", times, times)
	unit := strings.Repeat("u", 255)
	for id := range times {
		fmt.Fprintf(&b, `{"Flow":{"ID":%d,"State":4,"Tuple":{"Src":"1.2.3.4:5","Dst":"1.2.3.4:5"},"Holding":{"Process":{"PID":1,"Name":"%s","User":"%[2]s","Unit":"%[2]s","Container":"%[2]s","Pod":"%[2]s"}}}}`+"\n", id+1, unit)
	}
	file := packed(b.String())
	in := &heapAtEnd{Reader: bytes.NewReader(file)}
	r, err := recording.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if item, err := r.Next(context.Background()); !errors.Is(err, recording.ErrBroken) {
		t.Errorf("a file of %d bytes: %v, %v", len(file), item.Snapshot != nil, err)
	}
}
