package flow

import (
	"encoding"
	"fmt"
	"slices"
	"time"
)

// Pair is what a tracker knows of the other one of its pair. The zero value is that of a
// tracker that has none.
type Pair struct {
	State PairState
	// Partner is the host of the other tracker, empty before it was heard.
	Partner string `json:",omitempty"`
	// Lag is how long a message to the other tracker and back took last.
	Lag time.Duration `json:",omitempty"`
	// Full: the other tracker has no room for all flows. Unread: it runs a version whose
	// messages cannot be read.
	Full   bool `json:",omitempty"`
	Unread bool `json:",omitempty"`
}

// PairState says how far the trackers of a pair know each other's flows.
type PairState uint8

// PairState has no other values.
const (
	// PairNone: the tracker is of no pair.
	PairNone PairState = iota
	// PairAlone: the other tracker was not heard yet.
	PairAlone
	// PairCatchingUp: the other tracker has not told all of its flows.
	PairCatchingUp
	// PairTelling: the other tracker does not know all of this one's flows.
	PairTelling
	// PairInSync: both know all flows.
	PairInSync
	// PairAway: the other tracker is silent.
	PairAway
	// PairStopped: nobody tells this tracker's flows, since ctop serve has died.
	PairStopped
	numPairStates
)

var pairStateNames = [numPairStates]string{
	PairNone: "none", PairAlone: "alone", PairCatchingUp: "catching_up", PairTelling: "partner_catching_up",
	PairInSync: "in_sync", PairAway: "away", PairStopped: "stopped",
}

var _ encoding.TextMarshaler = PairNone

// String returns the state's name in data.
func (s PairState) String() string {
	if s < numPairStates {
		return pairStateNames[s]
	}
	return fmt.Sprintf("pair_%d", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s PairState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *PairState) UnmarshalText(text []byte) error {
	i := slices.Index(pairStateNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("no pair is %q", text)
	}
	*s = PairState(i)
	return nil
}

// Warnings says what is wrong with the pair.
func (p Pair) Warnings() (all Warnings) {
	say := func(detail string) { all = append(all, Warning{Kind: WarningPair, Detail: detail}) }
	if p.Unread {
		say("the partner runs a ctop that this one does not understand")
	}
	switch p.State {
	case PairAlone:
		say("the pair has no partner yet")
	case PairCatchingUp:
		say("catching up with " + p.Partner)
	case PairTelling:
		say(p.Partner + " is catching up")
	case PairAway:
		say(p.Partner + " is silent")
	case PairStopped:
		say("ctop serve has died: the pair stands still")
	}
	if p.Full {
		say(p.Partner + " has no room for all flows")
	}
	return all
}
