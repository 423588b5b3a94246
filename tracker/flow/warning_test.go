package flow

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everyWarning has one warning of each kind, with the sentence that outputs have.
var everyWarning = []struct {
	warning Warning
	want    string
}{
	{Warning{Detail: "as it was recorded"}, "as it was recorded"},
	{Warning{Kind: WarningStalled, Interfaces: []string{"a", "b"}, Detail: "b down"}, "nothing passes from a to b: b down"},
	{Warning{Kind: WarningDown, Interfaces: []string{"a"}}, "a down"},
	{Warning{Kind: WarningGone, Interfaces: []string{"a"}}, "a gone"},
	{
		Warning{Kind: WarningUsed, Interfaces: []string{"a"}, Detail: "has the address 192.0.2.1/24"},
		"a has the address 192.0.2.1/24: this machine answers nobody there",
	},
	{
		Warning{Kind: WarningMTU, Interfaces: []string{"a", "b"}, Numbers: []int{9000, 1500}},
		"a has a MTU of 9000, b of 1500: longer packets are lost",
	},
	{Warning{Kind: WarningTable, Numbers: []int{95}}, "table 95 %"},
	{Warning{Kind: WarningEvicted, Numbers: []int{7}}, "7 evicted"},
	{Warning{Kind: WarningNotTracked, Numbers: []int{8}}, "8 not tracked"},
	{Warning{Kind: WarningInterfaces, Detail: "attach to a again: no"}, "attach to a again: no"},
	{Warning{Kind: WarningRetried, Detail: "sweep the table: no"}, "sweep the table: no; trying again"},
	{Warning{Kind: WarningBehind, Interfaces: []string{"a"}, Detail: "drop, the XDP program x"}, "behind drop, the XDP program x on a, may not see all"},
	{Warning{Kind: WarningPair, Detail: "gate-2 is silent"}, "gate-2 is silent"},
}

// Every kind has its sentence, its name, and both survive a recording.
func TestWarnings(t *testing.T) {
	if len(everyWarning) != int(numWarningKinds) {
		t.Fatalf("%d kinds are tested, there are %d", len(everyWarning), numWarningKinds)
	}
	for i, tt := range everyWarning {
		if tt.warning.Kind != WarningKind(i) || tt.warning.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.warning.Kind, tt.warning, tt.want)
		}
		text, err := json.Marshal(tt.warning)
		if err != nil || !strings.Contains(string(text), fmt.Sprintf("%q", tt.warning.Kind.String())) {
			t.Errorf("%s, %v", text, err)
		}
		var again Warning
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, tt.warning) {
			t.Errorf("%s is read as %+v, %v", text, again, err)
		}
		// A forged recording may leave out what the sentence needs.
		_ = Warning{Kind: tt.warning.Kind}.String()
	}
	if got := WarningKind(99).String(); got != "warning_99" {
		t.Error(got)
	}
}

// Older recordings have sentences, and what is none is refused.
func TestRecordedWarnings(t *testing.T) {
	var ws Warnings
	if err := json.Unmarshal([]byte(`["a down", {"Kind":"down","Interfaces":["b"]}]`), &ws); err != nil {
		t.Fatal(err)
	}
	want := Warnings{{Detail: "a down"}, {Kind: WarningDown, Interfaces: []string{"b"}}}
	if !reflect.DeepEqual(ws, want) {
		t.Errorf("%+v, want %+v", ws, want)
	}
	for _, text := range []string{`[7]`, `[{"Kind":"nosuch"}]`, `[{"Kind":1}]`, `[["a"]]`} {
		if err := json.Unmarshal([]byte(text), &ws); err == nil {
			t.Errorf("%s is taken for %+v", text, ws)
		}
	}
}

func TestWarningsAreSaidOnce(t *testing.T) {
	full := Warning{Kind: WarningTable, Numbers: []int{95}}
	down := Warning{Kind: WarningDown, Interfaces: []string{"veth10"}}
	ws := Warnings{}.Add(full, down).Add(full).Add(Warning{Detail: "veth10 down"})
	if got := ws.Sentences(); !slices.Equal(got, []string{"table 95 %", "veth10 down"}) {
		t.Errorf("%q", got)
	}
	if !ws.Has(WarningTable) || ws.Has(WarningMTU) {
		t.Errorf("kinds of %q", ws.Sentences())
	}
	gone := Warnings{{Kind: WarningGone, Interfaces: []string{"veth3"}}, {Kind: WarningUsed, Interfaces: []string{"veth4"}}}
	if !ws.Down("veth10") || ws.Down("veth1") || !gone.Down("veth3") || gone.Down("veth4") {
		t.Error("an interface is down that no warning names, or is up")
	}
	if got := Warnings(nil).Sentences(); got == nil || len(got) != 0 {
		t.Errorf("%#v is not an empty list", got)
	}
}
