package fleet

import (
	"encoding/json"
	"errors"
	"fmt"

	"ctop/internal/recording"
	"ctop/tracker/flow"
)

const (
	// MaxEvents is the largest number of events of a message.
	MaxEvents = 500
	// EventsPerSecond is how many events a console receives in a second, of all hosts
	// together, and fewest and most how many of them a host may have.
	EventsPerSecond                 = 5000
	fewestEvents, mostEvents        = 5, 500
	eventsVersion                   = 1
	maxLostOfMessage         uint64 = 1 << 40
	// maxEvents is the largest number of bytes that events may be when they are no longer
	// compressed: consoles read several messages of each host in a second.
	maxEvents = 2 << 20
	// valuesOfEvent is how many values an event may have: there are some 60.
	valuesOfEvent = 200
)

// EventBudget is how many events a host sends in a second, in a fleet of so many.
func EventBudget(hosts int) int {
	return min(max(EventsPerSecond/max(hosts, 1), fewestEvents), mostEvents)
}

// Events is what a host tells a console of what has happened. The subject says whose it is.
type Events struct {
	V int `json:"v"`
	// Since names the time since which the host listens for the view. Of all events of that
	// time that match, Total is the number, up to the last one here: what a console has not
	// received of them is lost. Lost is the part that the host left out since its message
	// before.
	Since int64  `json:"since"`
	Total uint64 `json:"total"`
	Lost  uint64 `json:"lost,omitempty"`
	// Events are the oldest first.
	Events []flow.Event `json:"events,omitempty"`
}

// Encode returns the message. Events for which it has no room are lost.
func (e Events) Encode() ([]byte, error) {
	z, err := compressor()
	if err != nil {
		return nil, fmt.Errorf("encode events: %w", err)
	}
	e.V = eventsVersion
	if over := len(e.Events) - MaxEvents; over > 0 {
		e.Lost += uint64(over)
		e.Events = e.Events[:MaxEvents]
	}
	for {
		plain, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode events: %w", err)
		}
		if len(plain) <= maxEvents {
			if message := z.EncodeAll(plain, nil); len(message) <= MaxPage {
				return message, nil
			}
		}
		half := len(e.Events) / 2
		e.Lost += uint64(len(e.Events) - half)
		e.Events = e.Events[:half]
	}
}

var errEvents = errors.New("events of a host: they have what they may not")

// DecodeEvents reads what a host says. No event has a host yet.
func DecodeEvents(message []byte) (e Events, err error) {
	plain, err := inflate(message)
	if err != nil {
		return Events{}, fmt.Errorf("events of a host: %w", err)
	}
	if err := decodeList(plain, maxEvents, MaxEvents, valuesOfEvent, &e); err != nil {
		return Events{}, fmt.Errorf("events of a host: %w", err)
	}
	if e.V != eventsVersion {
		return Events{}, fmt.Errorf("events of a host: %w", errVersion)
	}
	if len(e.Events) > MaxEvents || e.Lost > maxLostOfMessage {
		return Events{}, errEvents
	}
	for i := range e.Events {
		if !bounded(&e.Events[i]) {
			return Events{}, errEvents
		}
		e.Events[i].Host = ""
	}
	return e, nil
}

// bounded reports whether an event is one, and its texts are not endless: consoles keep many.
func bounded(e *flow.Event) bool {
	return recording.ValidEvent(e) && e.Type != flow.EventLost && e.Age >= 0 && e.ID != 0 &&
		lengthOf(e) <= maxName && e.Holding.End <= flow.Reply
}

// lengthOf returns how long the texts of an event are together.
func lengthOf(e *flow.Event) int {
	n := len(e.Interface)
	if p := e.Holding.Process; p != nil {
		n += len(p.Name) + len(p.User) + len(p.Unit) + len(p.Container) + len(p.Pod)
	}
	if e.Server != nil {
		n += len(e.Server.Name)
	}
	return n
}
