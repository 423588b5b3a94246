package output

import (
	"fmt"
	"strings"
)

// Format is a form of output. It is a pflag.Value.
type Format uint8

// The formats, in the order in which help lists them.
const (
	// Table is aligned text for people, with rounded numbers.
	Table Format = iota
	// Wide is Table with every column and exact numbers.
	Wide
	// JSON is one indented document.
	JSON
	// JSONL is one JSON object a line.
	JSONL
	// CSV is a header and one record a line.
	CSV
)

var formatNames = [...]string{Table: "table", Wide: "wide", JSON: "json", JSONL: "jsonl", CSV: "csv"}

// String returns the format's name as the flag takes it.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("format_%d", uint8(f))
}

// Set takes the format of that name.
func (f *Format) Set(s string) error {
	for i, name := range formatNames {
		if s == name {
			*f = Format(i)
			return nil
		}
	}
	last := len(formatNames) - 1
	return fmt.Errorf("no output is called %q: use %s or %s", s, strings.Join(formatNames[:last], ", "), formatNames[last])
}

// Type is what help shows for the value.
func (f *Format) Type() string {
	return strings.Join(formatNames[:], "|")
}

// Text reports whether the format is for people.
func (f Format) Text() bool {
	return f == Table || f == Wide
}
