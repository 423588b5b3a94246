package format

import "ctop/tracker/flow"

// RateUnit is the unit of rates.
type RateUnit uint8

// The units, in the order in which a key cycles through them.
const (
	Bits RateUnit = iota
	Bytes
	Packets
	numRateUnits
)

// Next returns the next unit, and after the last the first.
func (u RateUnit) Next() RateUnit { return (u + 1) % numRateUnits }

// String returns the unit's name in a sentence.
func (u RateUnit) String() string {
	return [...]string{Bits: "bits", Bytes: "bytes", Packets: "packets"}[u]
}

// Short returns the unit as a suffix of a number.
func (u RateUnit) Short() string {
	return [...]string{Bits: "b/s", Bytes: "B/s", Packets: "pps"}[u]
}

// Of returns a direction's rate in the unit.
func (u RateUnit) Of(h flow.Half) float64 {
	switch u {
	case Packets:
		return h.PPS
	case Bytes:
		return h.BPS / 8
	}
	return h.BPS
}

// IsPackets reports whether rates count packets.
func (u RateUnit) IsPackets() bool { return u == Packets }
