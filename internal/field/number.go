package field

import (
	"math"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Number is the value of a Count, Span or Rate, as an integer, nanoseconds or
// the bits of a float64.
type Number uint64

func perSecond(v float64) Number  { return Number(math.Float64bits(v)) }
func span(d time.Duration) Number { return Number(d) }

// Rate returns the value of a Rate.
func (n Number) Rate() float64 { return math.Float64frombits(uint64(n)) }

// Span returns the value of a Span.
func (n Number) Span() time.Duration { return time.Duration(n) }

// Value converts a number to the unit that filters compare. For durations that
// is seconds.
func (k Kind) Value(n Number) float64 {
	switch k {
	case Rate:
		return n.Rate()
	case Span:
		return n.Span().Seconds()
	}
	return float64(n)
}

// AppendNumber appends a number in the format of JSON and CSV.
func (k Kind) AppendNumber(b []byte, n Number) []byte {
	switch k {
	case Rate:
		return format.AppendRate(b, n.Rate())
	case Span:
		return format.AppendSeconds(b, n.Span())
	}
	return format.AppendUint(b, uint64(n))
}

// Rank is the sort key of a flow. Ranks are compared by Hi, then Lo, then Sub.
// They contain no pointer, so the garbage collector does not scan them.
type Rank struct {
	Hi, Lo uint64
	Sub    uint32
}

// Reverse returns the rank for the opposite order.
func (r Rank) Reverse() Rank { return Rank{^r.Hi, ^r.Lo, ^r.Sub} }

// rank returns the rank of a number.
func (k Kind) rank(n Number) Rank {
	switch k {
	case Rate:
		// Positive floats sort like their bits.
		return Rank{Hi: math.Float64bits(max(n.Rate(), 0)), Lo: 1}
	case Span:
		return Rank{Hi: uint64(max(n.Span(), 0)), Lo: 1}
	}
	return Rank{Hi: uint64(n), Lo: 1}
}

// Ranking returns the function that ranks flows by the field. With packets,
// rates count packets. The rate of an unseen direction ranks below zero.
func (f *Field) Ranking(packets bool) func(of *flow.Flow) Rank {
	if f.Order != nil {
		return f.Order
	}
	kind, number := f.Kind, f.Number
	if packets && f.Packets != nil {
		number = f.Packets
	}
	if kind == Rate && f.Seen != nil {
		return func(of *flow.Flow) Rank {
			if !f.Seen(of) {
				return Rank{}
			}
			n, _ := number(of)
			return kind.rank(n)
		}
	}
	return func(of *flow.Flow) Rank {
		n, _ := number(of)
		return kind.rank(n)
	}
}
