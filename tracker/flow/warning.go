package flow

import (
	"encoding/json"
	"fmt"
	"slices"
)

// WarningKind is the kind of a warning.
type WarningKind uint8

// WarningKind has no other values.
const (
	// WarningOther has its whole text in Detail. It comes from a recording
	// without kinds.
	WarningOther WarningKind = iota
	// WarningStalled means that the first interface receives packets and the
	// second one sends none. Detail is the cause.
	WarningStalled
	// WarningDown means that the interface is administratively down.
	WarningDown
	// WarningGone means that the interface does not exist.
	WarningGone
	// WarningUsed means that the machine itself uses the interface. Detail
	// describes the use.
	WarningUsed
	// WarningMTU means that the two interfaces have different MTUs, given in
	// Numbers.
	WarningMTU
	// WarningTable means that the table is nearly full. Numbers is the fill
	// level in percent.
	WarningTable
	// WarningEvicted means that flows were evicted to make room. Numbers is
	// their number.
	WarningEvicted
	// WarningNotTracked means that flows did not fit into the table. Numbers is
	// their number.
	WarningNotTracked
	// WarningInterfaces means that attaching to an interface again failed.
	// Detail is the error.
	WarningInterfaces
	// WarningRetried means that a part of the tracker failed and is retried.
	// Detail is the error.
	WarningRetried
	// WarningBehind means that other programs stand before the tracker's on a
	// watched interface. Detail names them.
	WarningBehind
	// WarningPair means that the other tracker of the pair may not know all flows, or
	// this one its. Detail is the whole sentence.
	WarningPair
	numWarningKinds
)

var warningKindNames = [numWarningKinds]string{
	WarningOther: "other", WarningStalled: "stalled", WarningDown: "down", WarningGone: "gone",
	WarningUsed: "used", WarningMTU: "mtu", WarningTable: "table", WarningEvicted: "evicted",
	WarningNotTracked: "not_tracked", WarningInterfaces: "interfaces", WarningRetried: "retried",
	WarningBehind: "behind", WarningPair: "pair",
}

// String returns the kind's name in recordings.
func (k WarningKind) String() string {
	if k < numWarningKinds {
		return warningKindNames[k]
	}
	return fmt.Sprintf("warning_%d", uint8(k))
}

// MarshalText implements [encoding.TextMarshaler].
func (k WarningKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *WarningKind) UnmarshalText(text []byte) error {
	i := slices.Index(warningKindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("no warning is of kind %q", text)
	}
	*k = WarningKind(i)
	return nil
}

// Warning is a current problem of a tracker.
type Warning struct {
	Kind WarningKind
	// Interfaces are the names of the interfaces in the order of the sentence.
	Interfaces []string `json:",omitempty"`
	// Numbers are the numbers in the sentence.
	Numbers []int `json:",omitempty"`
	// Detail is the part of the sentence that the kind does not determine.
	Detail string `json:",omitempty"`
}

// String returns the warning as a sentence, the same in all outputs.
func (w Warning) String() string {
	switch w.Kind {
	case WarningStalled:
		return fmt.Sprintf("nothing passes from %s to %s: %s", w.name(0), w.name(1), w.Detail)
	case WarningDown:
		return w.name(0) + " down"
	case WarningGone:
		return w.name(0) + " gone"
	case WarningUsed:
		return w.name(0) + " " + w.Detail + ": this machine answers nobody there"
	case WarningMTU:
		return fmt.Sprintf("%s has a MTU of %d, %s of %d: longer packets are lost", w.name(0), w.number(0), w.name(1), w.number(1))
	case WarningTable:
		return fmt.Sprintf("table %d %%", w.number(0))
	case WarningEvicted:
		return fmt.Sprintf("%d evicted", w.number(0))
	case WarningNotTracked:
		return fmt.Sprintf("%d not tracked", w.number(0))
	case WarningBehind:
		return fmt.Sprintf("behind %s on %s, may not see all", w.Detail, w.name(0))
	case WarningRetried:
		return w.Detail + "; trying again"
	}
	return w.Detail
}

// name returns the name of interface i, empty if a recording does not contain
// it.
func (w Warning) name(i int) string {
	if i < len(w.Interfaces) {
		return w.Interfaces[i]
	}
	return ""
}

func (w Warning) number(i int) int {
	if i < len(w.Numbers) {
		return w.Numbers[i]
	}
	return 0
}

// UnmarshalJSON implements [json.Unmarshaler]. Older recordings contain a
// sentence instead of a warning.
func (w *Warning) UnmarshalJSON(text []byte) error {
	var sentence string
	if json.Unmarshal(text, &sentence) == nil {
		*w = Warning{Detail: sentence}
		return nil
	}
	type fields Warning // without this method
	return json.Unmarshal(text, (*fields)(w))
}

// Warnings are the current problems of a tracker, the most severe first.
type Warnings []Warning

// Add appends warnings, except those with a sentence that is already in the
// list.
func (ws Warnings) Add(more ...Warning) Warnings {
	for _, w := range more {
		if !slices.Contains(ws.Sentences(), w.String()) {
			ws = append(ws, w)
		}
	}
	return ws
}

// Sentences returns all warnings as sentences, never nil.
func (ws Warnings) Sentences() []string {
	list := make([]string, len(ws))
	for i, w := range ws {
		list[i] = w.String()
	}
	return list
}

// Has reports whether there is a warning of the kind.
func (ws Warnings) Has(kind WarningKind) bool {
	return slices.ContainsFunc(ws, func(w Warning) bool { return w.Kind == kind })
}

// Down reports whether a warning says that an interface is down or gone.
func (ws Warnings) Down(name string) bool {
	return slices.ContainsFunc(ws, func(w Warning) bool {
		return (w.Kind == WarningDown || w.Kind == WarningGone) && w.name(0) == name
	})
}
