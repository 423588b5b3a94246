package output

import (
	"bufio"
	"bytes"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// column is one column of a table.
type column struct {
	title string
	right bool // aligned, as numbers are
	cell  func(b []byte, f *flow.Flow) []byte
}

func tableColumns() []column {
	return append(identityColumns(),
		column{"OUT", true, func(b []byte, f *flow.Flow) []byte { return appendShort(b, f.Origin) }},
		column{"IN", true, func(b []byte, f *flow.Flow) []byte { return appendShort(b, f.Reply) }},
		column{"TOTAL", true, func(b []byte, f *flow.Flow) []byte { return appendTight(b, format.Total(f.Bytes())) }},
		column{"AGE", true, func(b []byte, f *flow.Flow) []byte { return append(b, format.Age(f.Age)...) }},
	)
}

func wideColumns(s *flow.Snapshot) []column {
	columns := identityColumns()
	columns = append(columns, halfColumns("OUT", func(f *flow.Flow) flow.Half { return f.Origin })...)
	columns = append(columns, halfColumns("IN", func(f *flow.Flow) flow.Half { return f.Reply })...)
	columns = append(columns, qualityColumns("OUT", func(f *flow.Flow) flow.Half { return f.Origin })...)
	columns = append(columns, qualityColumns("IN", func(f *flow.Flow) flow.Half { return f.Reply })...)
	return append(columns,
		column{"AGE", true, func(b []byte, f *flow.Flow) []byte { return append(b, format.Age(f.Age)...) }},
		column{"IDLE", true, func(b []byte, f *flow.Flow) []byte { return appendIdle(b, f.Idle) }},
		column{"INVALID", true, func(b []byte, f *flow.Flow) []byte { return appendCapped(b, f.Invalid) }},
		column{"RELATED", true, func(b []byte, f *flow.Flow) []byte { return appendCapped(b, f.Related) }},
		column{"VLAN", true, appendVLANs},
		column{"INTERFACE", false, func(b []byte, f *flow.Flow) []byte {
			return append(b, format.Clean(s.Interfaces[f.In&1].Name)...)
		}},
		column{"ID", false, func(b []byte, f *flow.Flow) []byte { return appendHex(b, uint64(f.ID)) }},
	)
}

func identityColumns() []column {
	return []column{
		{"PROTO", false, func(b []byte, f *flow.Flow) []byte { return append(b, f.Tuple.Proto.String()...) }},
		{"ORIGIN", false, func(b []byte, f *flow.Flow) []byte { return append(b, f.Tuple.Source()...) }},
		{"REPLY", false, func(b []byte, f *flow.Flow) []byte { return append(b, f.Tuple.Destination()...) }},
		{"STATE", false, func(b []byte, f *flow.Flow) []byte { return append(b, f.State.String()...) }},
		{"TTL", true, func(b []byte, f *flow.Flow) []byte { return append(b, format.Countdown(f.TTL(0))...) }},
	}
}

// halfColumns show one direction in full.
func halfColumns(name string, half func(*flow.Flow) flow.Half) []column {
	number := func(value func([]byte, flow.Half) []byte) func([]byte, *flow.Flow) []byte {
		return func(b []byte, f *flow.Flow) []byte {
			if h := half(f); h.Seen() {
				return value(b, h)
			}
			return append(b, format.Unseen...)
		}
	}
	return []column{
		{name + "-PACKETS", true, number(func(b []byte, h flow.Half) []byte { return appendUint(b, h.Packets) })},
		{name + "-BYTES", true, number(func(b []byte, h flow.Half) []byte { return appendUint(b, h.Bytes) })},
		{name + "-PPS", true, number(func(b []byte, h flow.Half) []byte { return appendRate(b, h.PPS) })},
		{name + "-BPS", true, number(func(b []byte, h flow.Half) []byte { return appendRate(b, h.BPS) })},
	}
}

// qualityColumns show what only TCP tells about a direction.
func qualityColumns(name string, half func(*flow.Flow) flow.Half) []column {
	tcp := func(value func([]byte, flow.Half) []byte) func([]byte, *flow.Flow) []byte {
		return func(b []byte, f *flow.Flow) []byte {
			if h := half(f); f.Tuple.Proto == flow.ProtocolTCP && h.Seen() {
				return value(b, h)
			}
			return append(b, '-')
		}
	}
	return []column{
		{name + "-RETR", true, tcp(func(b []byte, h flow.Half) []byte { return appendCapped(b, h.Retransmits) })},
		{name + "-REORD", true, tcp(func(b []byte, h flow.Half) []byte { return appendCapped(b, h.Reordered) })},
		{name + "-ZEROWIN", true, tcp(func(b []byte, h flow.Half) []byte { return appendCapped(b, h.ZeroWindows) })},
		{name + "-RTT", true, tcp(appendRTT)},
	}
}

// appendCapped appends a counter that stops at 65,535, with a plus where it has.
func appendCapped(b []byte, n uint16) []byte {
	b = appendUint(b, n)
	if n == math.MaxUint16 {
		b = append(b, '+')
	}
	return b
}

func appendRTT(b []byte, h flow.Half) []byte {
	if h.RTT == 0 {
		return append(b, '-')
	}
	return append(appendMillis(b, h.RTT), "ms"...)
}

// appendShort appends a direction's bits per second. One that never carried a
// packet is not zero.
func appendShort(b []byte, h flow.Half) []byte {
	if !h.Seen() {
		return append(b, format.Unseen...)
	}
	return appendTight(b, format.Rate(h.BPS))
}

// appendTight appends a number without the blank before its prefix, so that it
// stays one field to awk.
func appendTight(b []byte, s string) []byte {
	return append(b, strings.ReplaceAll(s, " ", "")...)
}

func appendIdle(b []byte, d time.Duration) []byte {
	if d < time.Minute {
		return append(appendSeconds(b, d.Round(10*time.Millisecond)), 's')
	}
	return append(b, format.Age(d)...)
}

func appendVLANs(b []byte, f *flow.Flow) []byte {
	if f.Tuple.VLAN == 0 {
		return append(b, '-')
	}
	b = appendUint(b, f.Tuple.VLAN)
	if f.Tuple.VLANInner != 0 {
		b = appendUint(append(b, '.'), f.Tuple.VLANInner)
	}
	if f.Tuple.VLANThird != 0 {
		b = appendUint(append(b, '.'), f.Tuple.VLANThird)
	}
	return b
}

// writeTable formats every cell twice, first to measure the columns and then to
// write them: a big table takes longer rather than more memory.
func writeTable(w *bufio.Writer, columns []column, rows []*flow.Flow, width int) error {
	widths := measure(columns, rows)
	columns = columns[:fitting(widths, width)]
	line := make([]byte, 0, 256)
	for i, c := range columns {
		line = appendCell(line, []byte(c.title), widths[i], c.right)
	}
	if err := writeLine(w, line); err != nil {
		return err
	}
	var cell []byte
	for _, f := range rows {
		line = line[:0]
		for i, c := range columns {
			cell = c.cell(cell[:0], f)
			line = appendCell(line, cell, widths[i], c.right)
		}
		if err := writeLine(w, line); err != nil {
			return err
		}
	}
	return nil
}

// dispensable is how many of the last columns a narrow terminal goes without: they
// are AGE and TOTAL.
const dispensable = 2

// fitting returns how many columns fit on a line. All of them are shown where even
// those that matter do not: then the lines are wrapped in any case.
func fitting(widths []int, width int) int {
	total := 0
	for _, w := range widths {
		total += w + len(gap)
	}
	total -= len(gap)
	for n := len(widths); n >= max(len(widths)-dispensable, 1); n-- {
		if total <= width {
			return n
		}
		total -= widths[n-1] + len(gap)
	}
	return len(widths)
}

func measure(columns []column, rows []*flow.Flow) []int {
	widths := make([]int, len(columns))
	var cell []byte
	for i, c := range columns {
		widths[i] = len(c.title)
		for _, f := range rows {
			cell = c.cell(cell[:0], f)
			widths[i] = max(widths[i], utf8.RuneCount(cell))
		}
	}
	return widths
}

// gap stands between columns.
const gap = "  "

// appendCell appends a cell of the given width and the gap to the next one. The
// only characters beyond ASCII are one cell wide.
func appendCell(b, cell []byte, width int, right bool) []byte {
	blank := format.Blank(width - utf8.RuneCount(cell))
	if right {
		b = append(append(b, blank...), cell...)
	} else {
		b = append(append(b, cell...), blank...)
	}
	return append(b, gap...)
}

func writeLine(w *bufio.Writer, line []byte) error {
	if _, err := w.Write(bytes.TrimRight(line, " ")); err != nil {
		return err
	}
	return w.WriteByte('\n')
}
