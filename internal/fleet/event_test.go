package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"ctop/internal/order"
	"ctop/tracker/flow"
)

// someEvent is an event of a flow.
func someEvent(id int) flow.Event {
	return flow.Event{
		Time: time.Unix(1_790_000_000, int64(id)).UTC(), Type: flow.EventDestroy, ID: flow.ID(id), From: flow.StateEstablished, Reason: flow.ReasonRST,
		Tuple:     flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd(fmt.Sprintf("10.0.%d.%d:4000", id>>8&255, id&255)), Dst: flow.MustParseEnd("192.0.2.1:443")},
		Interface: "eth0", Origin: flow.Half{Packets: 3, Bytes: 4}, Age: time.Second,
		Holding: flow.Holding{Process: &flow.Process{PID: 7, Name: "nginx", Unit: "nginx.service"}},
	}
}

// Events survive the way there, but for a host, which only the subject says.
func TestEventsRoundTrip(t *testing.T) {
	want := Events{V: 1, Since: 5, Total: 9, Lost: 2, Events: []flow.Event{someEvent(1), someEvent(2)}}
	sent := want
	sent.Events = []flow.Event{someEvent(1), someEvent(2)}
	sent.Events[0].Host = "other"
	message, err := sent.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEvents(message)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
}

// What has no room in a message is lost, and counted.
func TestEventsAreBounded(t *testing.T) {
	e := Events{Total: 5000}
	for i := range 5000 {
		one := someEvent(i + 1)
		one.Interface = strings.Repeat(fmt.Sprintf("%x", i*2654435761), 10)
		e.Events = append(e.Events, one)
	}
	message, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEvents(message)
	if err != nil || len(message) > MaxPage || uint64(len(got.Events))+got.Lost != 5000 || len(got.Events) == 0 {
		t.Errorf("%v: %d bytes of %d events, %d lost", err, len(message), len(got.Events), got.Lost)
	}
	if b := [...]int{EventBudget(0), EventBudget(3), EventBudget(100), EventBudget(1000), EventBudget(1_000_000)}; b != [...]int{500, 500, 50, 5, 5} {
		t.Errorf("the budgets are %d", b)
	}
}

// deflate compresses anything.
func deflate(t testing.TB, plain []byte) []byte {
	t.Helper()
	z, err := compressor()
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(plain, nil)
}

// Events with what no tracker tells are refused.
func TestHostileEvents(t *testing.T) {
	for what, change := range map[string]func(e *Events){
		"another version":        func(e *Events) { e.V = 2 },
		"too many":               func(e *Events) { e.Events = make([]flow.Event, MaxEvents+1) },
		"too many that are lost": func(e *Events) { e.Lost = maxLostOfMessage + 1 },
		"no flow":                func(e *Events) { e.Events[0].ID = 0 },
		"no time":                func(e *Events) { e.Events[0].Time = time.Time{} },
		"a type":                 func(e *Events) { e.Events[0].Type = 99 },
		"lost ones as an event":  func(e *Events) { e.Events[0].Type = flow.EventLost },
		"a state":                func(e *Events) { e.Events[0].To = 99 },
		"a negative age":         func(e *Events) { e.Events[0].Age = -1 },
		"no addresses":           func(e *Events) { e.Events[0].Tuple = flow.Tuple{} },
		"an endless interface":   func(e *Events) { e.Events[0].Interface = strings.Repeat("x", maxName+1) },
		"an endless process":     func(e *Events) { e.Events[0].Holding.Process.Unit = strings.Repeat("x", maxName+1) },
		"an endless server":      func(e *Events) { e.Events[0].Server = &flow.ServerName{Name: strings.Repeat("x", maxName+1)} },
		"many long texts": func(e *Events) {
			long := strings.Repeat("x", maxName/4)
			e.Events[0].Interface, e.Events[0].Server = long, &flow.ServerName{Name: long}
			e.Events[0].Holding.Process = &flow.Process{Name: long, User: long, Unit: long, Container: long, Pod: long}
		},
		"an end": func(e *Events) { e.Events[0].Holding.End = 9 },
	} {
		e := Events{V: 1, Events: []flow.Event{someEvent(1)}}
		change(&e)
		plain, err := json.Marshal(e)
		if err != nil {
			if what != "no time" && what != "no addresses" && what != "too many" {
				t.Fatal(err)
			}
			continue
		}
		if _, err := DecodeEvents(deflate(t, plain)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	for what, plain := range map[string]string{
		"a negative number": `{"v":1,"since":1,"total":-1}`, "no JSON": "x", "nothing": "",
		"a bomb": strings.Repeat(" ", maxPlain+1), "more than is worth reading": `{"v":1}` + strings.Repeat(" ", maxEvents),
	} {
		if _, err := DecodeEvents(deflate(t, []byte(plain))); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := DecodeEvents(bytes.Repeat([]byte("x"), MaxPage+1)); err == nil {
		t.Error("a message that is too long: accepted")
	}
}

// A message of little more than nothing, whose list has a million elements, takes no memory.
func TestHostileLists(t *testing.T) {
	for what, read := range map[string]func(message []byte) error{
		`{"v":1,"events":[`: func(message []byte) error { _, err := DecodeEvents(message); return err },
		`{"v":1,"top":[`:    func(message []byte) error { _, err := DecodeGroups(message, order.BySource); return err },
	} {
		for _, element := range []string{"{}", "null"} {
			message := deflate(t, []byte(what+strings.Repeat(element+",", 400_000)+element+"]}"))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := read(message)
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; err == nil || taken > 2*maxPlain {
				t.Errorf("%s%s,...: %v: %d bytes of memory", what, element, err, taken)
			}
		}
	}
}

// The longest list that a host sends is read.
func TestFullLists(t *testing.T) {
	var e Events
	for i := range MaxEvents {
		one := someEvent(i + 1)
		one.Server, one.Host = &flow.ServerName{Name: "www.example.org", Source: flow.NameSNI}, "edge-1"
		one.Holding.Process.User, one.Holding.Process.Container, one.Holding.Process.Pod = "www-data", "c,1", "p,1"
		e.Events = append(e.Events, one)
	}
	message, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeEvents(message); err != nil || len(got.Events) != MaxEvents {
		t.Errorf("%v: %d events", err, len(got.Events))
	}
}

// FuzzEvents reads any bytes, compressed or as they are, as events. Nothing that is accepted
// is beyond its limits.
func FuzzEvents(f *testing.F) {
	message, err := Events{Since: 1, Total: 3, Lost: 1, Events: []flow.Event{someEvent(1)}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	plain, err := inflate(message)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add(plain)
	f.Add([]byte(`{"v":1,"since":1,"total":-1,"events":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, message := range [][]byte{text, deflate(t, text)} {
			e, err := DecodeEvents(message)
			if err != nil {
				continue
			}
			if len(e.Events) > MaxEvents || e.Lost > maxLostOfMessage {
				t.Errorf("%d events, %d lost", len(e.Events), e.Lost)
			}
			for i := range e.Events {
				if one := &e.Events[i]; one.Host != "" || len(one.Interface) > maxName || one.Flow() == nil || one.Tuple.String() == "" {
					t.Errorf("%+v", one)
				}
			}
		}
	})
}
