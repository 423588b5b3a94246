package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Heartbeat is what a host says of itself, in some 300 bytes.
type Heartbeat struct {
	V       int    `json:"v"`
	Version string `json:"version"`
	// Every is the time until the next one, in seconds, at most. Started is when the
	// agent began.
	Every   int       `json:"every"`
	Started time.Time `json:"started"`
	// Place are the interfaces, Policy the policy.
	Place  string `json:"place"`
	Policy string `json:"policy"`
	Flows  int    `json:"flows"`
	Max    int    `json:"max"`
	// Uptime is that of the tracker, in seconds.
	Uptime float64 `json:"uptime"`
	// Lost counts events that were lost, Full flows that were not tracked because the
	// table was full, Dropped packets that were not forwarded.
	Lost    uint64 `json:"lost,omitempty"`
	Full    uint64 `json:"full,omitempty"`
	Dropped uint64 `json:"dropped,omitempty"`
	// Alarms are the tracker's warnings.
	Alarms []string `json:"alarms,omitempty"`
	// Behind is how old the tracker's latest state is, in seconds.
	Behind float64 `json:"behind"`
	// Leaving is set in the last one of an agent that ends.
	Leaving bool `json:"leaving,omitempty"`
}

const (
	heartbeatVersion = 1
	// maxHeartbeat bounds a heartbeat, in bytes.
	maxHeartbeat = 4 << 10
	maxAlarms    = 3
	maxText      = 120
)

// Encode returns the message.
func (h Heartbeat) Encode() []byte {
	h.V = heartbeatVersion
	h.Version, h.Place, h.Policy = short(h.Version), short(h.Place), short(h.Policy)
	var alarms []string
	for _, a := range h.Alarms[:min(len(h.Alarms), maxAlarms)] {
		alarms = append(alarms, short(a))
	}
	h.Alarms = alarms
	text, _ := json.Marshal(h) // nothing in it fails
	return text
}

// short cuts a text to what a message may have, at a rune's end.
func short(s string) string { return format.Cut(s, maxText) }

var errVersion = errors.New("it is of another version of ctop")

// DecodeHeartbeat reads a heartbeat.
func DecodeHeartbeat(text []byte) (h Heartbeat, err error) {
	if err := decode(text, maxHeartbeat, &h); err != nil {
		return Heartbeat{}, fmt.Errorf("heartbeat: %w", err)
	}
	switch {
	case h.V != heartbeatVersion:
		return Heartbeat{}, fmt.Errorf("heartbeat: %w", errVersion)
	case h.Every < 1 || h.Every > 3600 || !isCount(h.Flows) || !isCount(h.Max) || !within(h.Uptime, longest.Seconds()) ||
		!within(h.Behind, longest.Seconds()) || len(h.Alarms) > maxAlarms:
		return Heartbeat{}, errors.New("heartbeat: a number is out of range")
	}
	for _, s := range append([]*string{&h.Version, &h.Place, &h.Policy}, pointers(h.Alarms)...) {
		*s = format.Clean(short(*s))
	}
	return h, nil
}

// longest is a time that no tracker has run, fastest a rate that no host has, in bits per
// second. Of all hosts they have a sum.
const (
	longest = 100 * 365 * 24 * time.Hour
	fastest = 1e15
)

// isCount reports whether a number of flows can be that of a table.
func isCount(n int) bool { return n >= 0 && n <= flow.MaxMaxFlows }

func within(n, most float64) bool { return n >= 0 && n <= most }

func pointers(list []string) (all []*string) {
	for i := range list {
		all = append(all, &list[i])
	}
	return all
}

// decodeList reads JSON in which a list has so many elements, each of at most so many
// values. Others are not read: a value in a message, as {} or null, takes two bytes of it,
// and hundreds in memory.
func decodeList(text []byte, most, elements, values int, into any) error {
	if bytes.Count(text, []byte(",")) > (elements+1)*values {
		return errors.New("it has too many values")
	}
	return decode(text, most, into)
}

// decode reads JSON of bounded length.
func decode(text []byte, most int, into any) error {
	if len(text) > most {
		return fmt.Errorf("it has %d bytes, and may have %d", len(text), most)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New("it is damaged")
	}
	return nil
}
