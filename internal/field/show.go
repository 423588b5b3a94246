package field

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Display returns the text of a cell in the console.
func (f *Field) Display(of *flow.Flow, v View) string {
	switch {
	case f.Title != "" && !f.applies(of):
		return format.Inapplicable
	case f.Show != nil:
		return f.Show(of, v)
	case f.Seen != nil && !f.Seen(of):
		return format.Unseen
	case f.Number != nil:
		return f.displayNumber(of, v)
	}
	return f.displayText(of, v.Names)
}

// applies reports whether a flow can have a value.
func (f *Field) applies(of *flow.Flow) bool {
	return (f.Of == nil || f.Of(of.Tuple.Proto)) && (f.Kind != Word || f.Has(of))
}

func (f *Field) displayNumber(of *flow.Flow, v View) string {
	number := f.Number
	if v.Rates.IsPackets() && f.Packets != nil {
		number = f.Packets
	}
	n, known := number(of)
	switch {
	case !known:
		return format.Unseen
	case f.Kind == Count:
		return format.Total(uint64(n))
	case f.Kind == Span:
		return format.Short(n.Span())
	case v.Rates == format.Bytes && f.Packets != nil:
		return format.Rate(n.Rate() / 8)
	}
	return format.Rate(n.Rate())
}

func (f *Field) displayText(of *flow.Flow, names *Names) string {
	switch {
	case !f.Has(of):
		return ""
	case f.Kind == Flag:
		return "yes"
	case f.Kind == Text:
		if text := f.Text(of, names); text != "" {
			return format.Clean(text)
		}
		return "?"
	}
	return string(f.Append(nil, of))
}

// showProto appends the VLANs and the PPPoE session, since two flows may differ
// in nothing else.
func showProto(f *flow.Flow, _ View) string {
	text := f.Tuple.Proto.String()
	for _, id := range f.Tuple.VLANs() {
		if id != 0 {
			text += "." + strconv.Itoa(int(id))
		}
	}
	if f.Tuple.Session != 0 {
		text += "/" + strconv.Itoa(int(f.Tuple.Session))
	}
	return text
}

func showTTL(f *flow.Flow, v View) string  { return format.Countdown(f.TTL(v.Since)) }
func showAge(f *flow.Flow, v View) string  { return format.Age(f.Age + v.Since) }
func showIdle(f *flow.Flow, v View) string { return format.Age(f.Idle + v.Since) }

// AppendShort appends the text of a cell in a table, rounded as in the console.
// Numbers contain no space, so awk reads each as one field.
func (f *Field) AppendShort(b []byte, of *flow.Flow, names *Names) []byte {
	if f.Number != nil {
		return append(b, strings.ReplaceAll(f.Display(of, View{Names: names}), " ", "")...)
	}
	return f.AppendExact(b, of, names)
}

// AppendExact appends the text of a cell in a wide table.
func (f *Field) AppendExact(b []byte, of *flow.Flow, names *Names) []byte {
	switch {
	case f.Cell != nil:
		return f.Cell(b, of)
	case f.Seen != nil && !f.Seen(of):
		return append(b, format.Unseen...)
	case f.Number != nil:
		if n, known := f.Number(of); known {
			return f.Kind.AppendNumber(b, n)
		}
		return append(b, '-')
	case f.Append != nil && f.Has(of):
		return f.Append(b, of)
	}
	return append(b, f.displayText(of, names)...)
}

func cellTTL(b []byte, f *flow.Flow) []byte { return append(b, format.Countdown(f.TTL(0))...) }
func cellAge(b []byte, f *flow.Flow) []byte { return append(b, format.Age(f.Age)...) }

func cellIdle(b []byte, f *flow.Flow) []byte {
	if f.Idle < time.Minute {
		return append(format.AppendSeconds(b, f.Idle.Round(10*time.Millisecond)), 's')
	}
	return append(b, format.Age(f.Idle)...)
}

func cellInvalid(b []byte, f *flow.Flow) []byte { return appendCapped(b, Number(f.Invalid)) }
func cellRelated(b []byte, f *flow.Flow) []byte { return appendCapped(b, Number(f.Related)) }

// appendCapped appends a counter that stops at 65,535, followed by a plus sign
// at that value.
func appendCapped(b []byte, n Number) []byte {
	b = format.AppendUint(b, uint64(n))
	if n == math.MaxUint16 {
		b = append(b, '+')
	}
	return b
}

// segments returns the cell function of a counter that only TCP flows have.
func segments(number func(*flow.Flow) (Number, bool), seen func(*flow.Flow) bool) func([]byte, *flow.Flow) []byte {
	return func(b []byte, f *flow.Flow) []byte {
		if n, known := number(f); known && seen(f) {
			return appendCapped(b, n)
		}
		return append(b, '-')
	}
}

// millis returns the cell function of a round-trip time.
func millis(number func(*flow.Flow) (Number, bool), seen func(*flow.Flow) bool) func([]byte, *flow.Flow) []byte {
	return func(b []byte, f *flow.Flow) []byte {
		if n, known := number(f); known && seen(f) {
			return append(format.AppendMillis(b, n.Span()), "ms"...)
		}
		return append(b, '-')
	}
}

func showDirection(f *flow.Flow, _ View) string {
	return cmp.Or(direction(f, nil), format.Inapplicable)
}

func cellDirection(b []byte, f *flow.Flow) []byte {
	if way := direction(f, nil); way != "" {
		return append(b, way...)
	}
	return append(b, '-')
}

func cellLocal(b []byte, f *flow.Flow) []byte  { return cellEnd(b, f, appendLocal) }
func cellRemote(b []byte, f *flow.Flow) []byte { return cellEnd(b, f, appendRemote) }

// cellEnd appends an end of a flow of which one is this machine.
func cellEnd(b []byte, f *flow.Flow, end func([]byte, *flow.Flow) []byte) []byte {
	if !hasLocal(f) {
		return append(b, '-')
	}
	return end(b, f)
}

// cellVLANs appends the IDs of all tags, the outermost first.
func cellVLANs(b []byte, f *flow.Flow) []byte {
	if f.Tuple.VLAN == 0 {
		return append(b, '-')
	}
	for i, id := range f.Tuple.VLANs() {
		if i > 0 && id != 0 {
			b = append(b, '.')
		}
		if id != 0 {
			b = format.AppendUint(b, id)
		}
	}
	return b
}
