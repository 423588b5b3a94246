package output

import (
	"encoding/json"
	"testing"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// fieldsOfProcesses are fields of whom a flow may have no value, in an object that it
// may not have.
func fieldsOfProcesses() []*field.Field {
	text := func(value func(f *flow.Flow) bool) func(*flow.Flow, *field.Names) string {
		return func(f *flow.Flow, _ *field.Names) string {
			if value(f) {
				return "a\"b"
			}
			return ""
		}
	}
	return []*field.Field{
		{JSON: "id", Always: true, Append: func(b []byte, _ *flow.Flow) []byte { return append(b, "x"...) }},
		{JSON: "process.pid", Kind: field.Count, Number: func(f *flow.Flow) (field.Number, bool) { return field.Number(f.In), f.In > 0 }},
		{JSON: "process.name", Kind: field.Text, Text: text(func(f *flow.Flow) bool { return f.OwnTimeout })},
		{JSON: "process.gone", Kind: field.Flag, Holds: func(f *flow.Flow) bool { return f.OneSided }},
		{JSON: "unit", Kind: field.Text, Text: text(func(f *flow.Flow) bool { return f.OneSided })},
		{JSON: "ports", Kind: field.Count, Of: flow.Protocol.HasPorts, Number: func(*flow.Flow) (field.Number, bool) { return 2, true }},
	}
}

func TestMembers(t *testing.T) {
	all := newPrograms(fieldsOfProcesses())
	for _, c := range []struct {
		flow flow.Flow
		want string
	}{
		{flow.Flow{}, `,"id":"x"`},
		{flow.Flow{In: 1}, `,"id":"x","process":{"pid":1}`},
		{flow.Flow{OwnTimeout: true}, `,"id":"x","process":{"name":"a\"b"}`},
		{flow.Flow{OneSided: true}, `,"id":"x","process":{"gone":true},"unit":"a\"b"`},
		{flow.Flow{In: 1, OwnTimeout: true, OneSided: true}, `,"id":"x","process":{"pid":1,"name":"a\"b","gone":true},"unit":"a\"b"`},
		{flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolUDP}}, `,"id":"x","ports":2`},
		{flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolICMP}}, `,"id":"x"`},
	} {
		got := string(all[c.flow.Tuple.Proto].append([]byte("{"), &c.flow, nil))
		if got != "{"+c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
		if !json.Valid([]byte("{" + got[2:] + "}")) {
			t.Errorf("%s is not JSON", got)
		}
		if flat := string(all[c.flow.Tuple.Proto].flat("origin").append([]byte(`{"a":1`), &c.flow, nil)); !json.Valid([]byte(flat + "}")) {
			t.Errorf("%s is not JSON", flat)
		}
	}
}

func TestFlat(t *testing.T) {
	f := &flow.Flow{In: 1, OneSided: true}
	const want = `{"a":1,"id":"x","pid":1,"gone":true,"unit":"a\"b"`
	if got := string(newMembers(fieldsOfProcesses()[:5]).flat("process").append([]byte(`{"a":1`), f, nil)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	const inner = `{"a":1,"id":"x","process":{"pid":1,"gone":true},"unit":"a\"b"`
	if got := string(newMembers(fieldsOfProcesses()[:5]).flat("origin").append([]byte(`{"a":1`), f, nil)); got != inner {
		t.Errorf("\n got %s\nwant %s", got, inner)
	}
}

// A literal that would be cut is found when the program starts.
func TestLiteralIsWhole(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a name that is too long is cut")
		}
	}()
	newLiteral(`,"a_name_of_more_than_24":`)
}

// Flows are encoded without allocating.
func TestFlowAllocatesNothing(t *testing.T) {
	s := &flow.Snapshot{Interfaces: []flow.Interface{{Name: "veth1"}, {}}}
	encoder, room := newFlowEncoder(s), make([]byte, 0, 4096)
	columns, names := newRecords(field.Records()), field.NamesOf(s)
	f := &flow.Flow{Tuple: flow.Tuple{Proto: flow.ProtocolTCP}, Origin: flow.Half{RTT: 1e6, PPS: 3.5}, ClosedBy: flow.CloserOrigin}
	if n := testing.AllocsPerRun(100, func() { encoder.append(room, f) }); n > 0 {
		t.Errorf("%v allocations for an object", n)
	}
	if n := testing.AllocsPerRun(100, func() { columns.append(room, f, names) }); n > 0 {
		t.Errorf("%v allocations for a record", n)
	}
}

// Names are escaped as encoding/json does it, and those that need no escaping are
// not copied first.
func TestAppendQuoted(t *testing.T) {
	for _, text := range []string{"veth1", "", "a b~", "a\"b", `a\b`, "<a>", "a&b", "\x1b[2J", "\u009b", "\xff", "ü", "\x7f"} {
		if got, want := string(appendQuoted([]byte("x"), text)), "x"+quote(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
