package recording_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

var start = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func entry(id flow.ID, packets uint64, age, idle time.Duration) flow.Flow {
	return flow.Flow{
		ID: id, State: flow.StateEstablished, Age: age, Idle: idle,
		Tuple: flow.Tuple{
			Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd("[2001:db8::1]:443"),
		},
		Origin:      flow.Half{Packets: packets, Bytes: 100 * packets, PPS: float64(packets)},
		TimeoutName: flow.TCPEstablished, Timeout: time.Hour,
	}
}

func flow4(id flow.ID, packets uint64, age, idle time.Duration) flow.Flow {
	f := entry(id, packets, age, idle)
	f.Tuple.Dst = flow.MustParseEnd("10.0.0.2:443")
	return f
}

func snapshot(after time.Duration, flows ...flow.Flow) *flow.Snapshot {
	s := &flow.Snapshot{Time: start.Add(after), Host: "h\x1b[2J", MaxFlows: 100, Flows: flows, Warnings: flow.Warnings{{Kind: flow.WarningMTU, Interfaces: []string{"a", "b"}, Numbers: []int{1, 2}}, {Detail: "w"}}, Timeouts: flow.DefaultTimeouts()}
	s.Interfaces = []flow.Interface{{Name: "veth1", Index: 3, Mode: flow.ModeNative, Up: true}, {}}
	s.Stalled = make([]bool, 2)
	s.Counters.Packets = 77
	return s
}

func event(after time.Duration) *flow.Event {
	f := flow4(1, 5, 0, 0)
	return &flow.Event{Time: start.Add(after), Type: flow.EventDestroy, ID: 1, Tuple: f.Tuple, From: f.State, Reason: flow.ReasonRST, Origin: f.Origin, Age: time.Second}
}

// silent is a flow without rates.
func silent(f flow.Flow) flow.Flow {
	f.Origin.PPS = 0
	return f
}

// sample is a recording of three snapshots and an event.
func sample(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := recording.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	second := time.Second
	for _, step := range []func() error{
		func() error {
			return w.Snapshot(snapshot(0, flow4(1, 5, second, 0), flow4(2, 5, second, 0), flow4(3, 5, second, 0)))
		},
		func() error { return w.Event(event(second / 2)) },
		func() error {
			return w.Snapshot(snapshot(second, silent(flow4(2, 5, 2*second, second)), flow4(3, 9, 2*second, 0), flow4(4, 1, 0, 0)))
		},
		func() error { return w.Snapshot(snapshot(2 * second)) },
		w.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

func items(file []byte) (list []recording.Item, err error) {
	r, err := recording.NewReader(bytes.NewReader(file))
	for err == nil {
		var item recording.Item
		if item, err = r.Next(context.Background()); err == nil {
			list = append(list, item)
		}
	}
	return list, err
}

func TestRoundTrip(t *testing.T) {
	list, err := items(sample(t))
	if !errors.Is(err, io.EOF) || len(list) != 4 {
		t.Fatalf("%d items, %v", len(list), err)
	}
	if got := list[1].Event; !reflect.DeepEqual(got, event(time.Second/2)) {
		t.Errorf("%+v", got)
	}
	want := snapshot(0, flow4(1, 5, time.Second, 0), flow4(2, 5, time.Second, 0), flow4(3, 5, time.Second, 0))
	if got := list[0].Snapshot; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	idle := silent(flow4(2, 5, 2*time.Second, time.Second))
	if got := list[2].Snapshot.Flows; !reflect.DeepEqual(got, []flow.Flow{idle, flow4(3, 9, 2*time.Second, 0), flow4(4, 1, 0, 0)}) {
		t.Errorf("%+v", got)
	}
	if got := list[3].Snapshot.Flows; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestCut truncates a recording anywhere, and reads the part before.
func TestCut(t *testing.T) {
	file := sample(t)
	most := 0
	for n := range len(file) {
		list, err := items(file[:n])
		if !errors.Is(err, recording.ErrBroken) && !errors.Is(err, recording.ErrVersion) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if len(list) < most {
			t.Fatalf("%d bytes: %d items, %d before", n, len(list), most)
		}
		most = len(list)
	}
	if most != 4 {
		t.Errorf("%d items", most)
	}
}

func packed(lines string) []byte {
	var b bytes.Buffer
	b.WriteString("ctop.recording/1\n")
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, lines)
	_ = z.Close()
	return b.Bytes()
}

func TestRefused(t *testing.T) {
	const head = `{"Head":{"Snapshot":{"Time":"2026-11-23T04:00:00Z","MaxFlows":5},"Changed":1}}` + "\n"
	const good = `{"Flow":{"ID":1,"State":4,"Tuple":{"Src":"1.2.3.4:5","Dst":"1.2.3.4:5"}}}`
	if list, err := items(packed(head + good)); !errors.Is(err, io.EOF) || len(list) != 1 {
		t.Fatalf("%d items, %v", len(list), err)
	}
	for _, lines := range []string{
		"{", "{}", "[]", "null", `{"Event":{}}`, `{"Gone":5}`, good, head, head + "{}", `{"Head":{}}`,
		head + strings.Replace(good, `"ID":1`, `"ID":0`, 1), head + strings.Replace(good, `4,`, `99,`, 1),
		head + strings.Replace(good, `"ID":1`, `"ID":1,"TimeoutName":50`, 1), head + strings.Replace(good, `"ID":1`, `"ID":1,"In":2`, 1),
		head + strings.Replace(good, `1.2.3.4:5`, `[::1]:5`, 1), strings.Replace(head, `2026`, `9026`, 1),
		strings.Replace(head, `"MaxFlows":5`, `"MaxFlows":5000000000`, 1), strings.Replace(head, `"Changed":1`, `"Changed":-1`, 1),
		`{"x":"` + strings.Repeat(" ", 2<<20) + `"}`,
	} {
		if list, err := items(packed(lines)); !errors.Is(err, recording.ErrBroken) || len(list) != 0 {
			t.Errorf("%.100s: %d items, %v", lines, len(list), err)
		}
	}
	for _, text := range []string{"ctop.recording/2\nx", "ctop.recording/", "ctop.recording/" + strings.Repeat("1", 10000)} {
		if !recording.Is(bufio.NewReader(strings.NewReader(text))) {
			t.Errorf("%.40q is none", text)
		}
		if _, err := items([]byte(text)); !errors.Is(err, recording.ErrVersion) || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestFull(t *testing.T) {
	for _, room := range []int{0, 20, 100} {
		w, err := recording.NewWriter(&full{room})
		if err == nil {
			err = w.Snapshot(snapshot(0, flow4(1, 1, 0, 0)))
		}
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%d bytes: %v", room, err)
		}
	}
}

func TestPlayer(t *testing.T) {
	r, err := recording.NewReader(bytes.NewReader(sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	var p recording.Player
	told := 0
	err = p.Play(context.Background(), r, recording.PlayOptions{
		Until: 1500 * time.Millisecond, Speed: 1000, OnEvent: func(*flow.Event) error { told++; return nil },
	})
	if err != nil || told != 1 || len(p.Snapshot().Flows) != 3 || !p.Now().Equal(start.Add(time.Second)) {
		t.Errorf("%v, %d events, at %s", err, told, p.Now())
	}
	if events, next := p.Events(0); len(events) != 1 || next != 1 {
		t.Errorf("%d events up to %d", len(events), next)
	}
	if events, next := p.Events(99); len(events) != 0 || next != 1 {
		t.Errorf("%d events up to %d", len(events), next)
	}
	if _, ok := any(&p).(flow.Actor); ok {
		t.Error("the past can be changed")
	}
}

// A flow keeps its rates where the last interval had none of its packets: the last
// snapshot follows another at once, and its rates are over a whole interval.
func TestRatesOfAShortInterval(t *testing.T) {
	rated := func(after time.Duration) *flow.Snapshot {
		f := flow4(1, 10, after, 0)
		f.Origin.PPS, f.Origin.BPS = 5, 4000
		return snapshot(after, f)
	}
	var file bytes.Buffer
	w, err := recording.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*flow.Snapshot{rated(time.Second), rated(time.Second + time.Millisecond)} {
		if err := w.Snapshot(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := items(file.Bytes())
	if !errors.Is(err, io.EOF) || len(list) != 2 {
		t.Fatalf("%d items, %v", len(list), err)
	}
	if o := list[1].Snapshot.Flows[0].Origin; o.PPS != 5 || o.BPS != 4000 {
		t.Errorf("%+v", o)
	}
}

// A flow whose rates alone have changed, to nothing in either direction, is not written again.
func TestRatesAloneAreNotWritten(t *testing.T) {
	size := func(second flow.Flow) int {
		var file bytes.Buffer
		w, err := recording.NewWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		first := flow4(1, 5, 0, 0)
		first.Origin.BPS, first.Reply.PPS, first.Reply.BPS = 700, 3, 300
		second.Tuple = first.Tuple
		for i, f := range []flow.Flow{first, second} {
			if err := w.Snapshot(snapshot(time.Duration(i)*time.Second, f)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file.Next(len("ctop.recording/1\n"))
		unpacked, err := gzip.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	quiet := flow4(1, 5, time.Second, time.Second)
	quiet.Origin.PPS = 0
	busy := quiet
	busy.Origin.Packets++
	if without, with := size(quiet), size(busy); without >= with {
		t.Errorf("%d bytes with a flow that sent nothing, %d with one that did", without, with)
	}
	for i := range 4 {
		slow := quiet
		*[]*float64{&slow.Origin.PPS, &slow.Origin.BPS, &slow.Reply.PPS, &slow.Reply.BPS}[i] = 1
		if without, with := size(quiet), size(slow); without >= with {
			t.Errorf("%d bytes with a flow that has no rate, %d with one that has rate %d", without, with, i)
		}
	}
}
