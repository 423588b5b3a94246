package flow

import (
	"encoding/json"
	"fmt"
	"slices"
)

// WarningKind says what a warning is about.
type WarningKind uint8

// The kinds, a closed set.
const (
	// WarningOther has its whole sentence in Detail: the recording that it is from
	// does not have its kind.
	WarningOther WarningKind = iota
	// WarningStalled: the first interface receives packets and the second one sends
	// none. Detail is the cause.
	WarningStalled
	// WarningDown: the interface is administratively down.
	WarningDown
	// WarningGone: the interface does not exist.
	WarningGone
	// WarningUsed: the machine itself uses the interface, as Detail says.
	WarningUsed
	// WarningMTU: the two interfaces have the two MTUs of Numbers.
	WarningMTU
	// WarningTable: the table is filled to the percentage of Numbers.
	WarningTable
	// WarningEvicted: so many flows made room for others.
	WarningEvicted
	// WarningNotTracked: so many flows found no room.
	WarningNotTracked
	// WarningInterfaces: an interface cannot be attached to again. Detail is the
	// error.
	WarningInterfaces
	// WarningRetried: a part of the tracker fails and is tried again. Detail is the
	// error.
	WarningRetried
	numWarningKinds
)

var warningKindNames = [numWarningKinds]string{
	WarningOther: "other", WarningStalled: "stalled", WarningDown: "down", WarningGone: "gone",
	WarningUsed: "used", WarningMTU: "mtu", WarningTable: "table", WarningEvicted: "evicted",
	WarningNotTracked: "not_tracked", WarningInterfaces: "interfaces", WarningRetried: "retried",
}

// String returns the kind's name as recordings spell it.
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

// Warning is one thing that is wrong with a tracker now.
type Warning struct {
	Kind WarningKind
	// Interfaces are the names of those that it is about, in the order in which the
	// sentence has them.
	Interfaces []string `json:",omitempty"`
	// Numbers are what the sentence counts.
	Numbers []int `json:",omitempty"`
	// Detail is the part of the sentence that the kind does not imply.
	Detail string `json:",omitempty"`
}

// String returns the warning as a sentence, as every output has it.
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
	case WarningRetried:
		return w.Detail + "; trying again"
	}
	return w.Detail
}

// name returns the name of an interface, empty if a recording has none.
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

// UnmarshalJSON implements [json.Unmarshaler]. In older recordings a
// warning is a sentence.
func (w *Warning) UnmarshalJSON(text []byte) error {
	var sentence string
	if json.Unmarshal(text, &sentence) == nil {
		*w = Warning{Detail: sentence}
		return nil
	}
	type fields Warning // without this method
	return json.Unmarshal(text, (*fields)(w))
}

// Warnings are what is wrong with a tracker now, worst first.
type Warnings []Warning

// Add returns the warnings with further ones after them. A sentence that is there
// already is not added.
func (ws Warnings) Add(more ...Warning) Warnings {
	for _, w := range more {
		if !slices.Contains(ws.Sentences(), w.String()) {
			ws = append(ws, w)
		}
	}
	return ws
}

// Sentences returns every warning as a sentence, never nil.
func (ws Warnings) Sentences() []string {
	list := make([]string, len(ws))
	for i, w := range ws {
		list[i] = w.String()
	}
	return list
}

// Has reports whether a warning is of that kind.
func (ws Warnings) Has(kind WarningKind) bool {
	return slices.ContainsFunc(ws, func(w Warning) bool { return w.Kind == kind })
}

// Down reports whether a warning says that an interface is down or gone.
func (ws Warnings) Down(name string) bool {
	return slices.ContainsFunc(ws, func(w Warning) bool {
		return (w.Kind == WarningDown || w.Kind == WarningGone) && w.name(0) == name
	})
}
