// Package config parses configuration files into a list of settings, each with
// its place in the file. It does not know what the settings mean.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Setting is one line of a file.
type Setting struct {
	Name string
	// Values has one element, or the elements of an array, or NAME=VALUE for
	// each line of a table.
	Values []string
	// Place is FILE:LINE.
	Place string
}

// byteOrderMark begins the UTF-8 files of some editors.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Parse parses TOML, with or without a byte order mark. Its errors begin with
// FILE:LINE.
func Parse(file string, text []byte) ([]Setting, error) {
	text = bytes.TrimPrefix(text, byteOrderMark)
	// Decoding finds errors of the document as a whole: syntax, and keys that
	// are set twice.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		return nil, syntaxError(file, err)
	}
	r := reader{file: file}
	r.parser.Reset(text)
	for r.parser.NextExpression() {
		if err := r.take(r.parser.Expression()); err != nil {
			return nil, err
		}
	}
	if err := r.parser.Error(); err != nil {
		return nil, syntaxError(file, err)
	}
	if err := r.endTable(); err != nil {
		return nil, err
	}
	return r.settings, nil
}

func syntaxError(file string, err error) error {
	var broken *toml.DecodeError
	if !errors.As(err, &broken) {
		return fmt.Errorf("%s: %w", file, err)
	}
	line, _ := broken.Position()
	return fmt.Errorf("%s:%d: this is not TOML (%s): write it like policy = \"enforce\"",
		file, line, strings.TrimPrefix(broken.Error(), "toml: "))
}

// reader collects settings.
type reader struct {
	file     string
	parser   unstable.Parser
	table    string
	settings []Setting
	// begun is where the table begins, and before how many settings there were.
	begun  string
	before int
}

func (r *reader) take(n *unstable.Node) error {
	name, place := r.key(n)
	switch n.Kind {
	case unstable.Table:
		err := r.endTable()
		r.table, r.begun, r.before = name, place, len(r.settings)
		return err
	case unstable.KeyValue:
		return r.takeValue(name, place, n.Value())
	case unstable.ArrayTable:
		return fmt.Errorf("%s: [[%s]] is not a setting: write it like policy = \"enforce\"", place, name)
	}
	return nil
}

// endTable refuses a table of one thing, as [alert.NAME], that says nothing about it.
func (r *reader) endTable() error {
	if strings.Contains(r.table, ".") && len(r.settings) == r.before {
		return fmt.Errorf("%s: [%s] has no settings: add some, or remove it", r.begun, r.table)
	}
	return nil
}

// key returns the dotted key of a line, and the line's place.
func (r *reader) key(n *unstable.Node) (name, place string) {
	var parts []string
	place = r.file
	for it := n.Key(); it.Next(); {
		if len(parts) == 0 {
			place = fmt.Sprintf("%s:%d", r.file, r.parser.Shape(it.Node().Raw).Start.Line)
		}
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, "."), place
}

func (r *reader) takeValue(name, place string, value *unstable.Node) error {
	if r.table != "" {
		name = r.table + "." + name
	}
	if value.Kind == unstable.InlineTable {
		for it := value.Children(); it.Next(); {
			inner, place := r.key(it.Node())
			if err := r.takeScalar(name+"."+inner, place, it.Node().Value()); err != nil {
				return err
			}
		}
		return nil
	}
	if value.Kind != unstable.Array {
		return r.takeScalar(name, place, value)
	}
	s := Setting{Name: name, Place: place}
	for it := value.Children(); it.Next(); {
		text, err := scalar(name, place, it.Node())
		if err != nil {
			return err
		}
		s.Values = append(s.Values, text)
	}
	r.settings = append(r.settings, s)
	return nil
}

// takeScalar adds one value. A value in a table, as in timeout.icmp = "5s",
// belongs to the setting with the table's name.
func (r *reader) takeScalar(name, place string, value *unstable.Node) error {
	text, err := scalar(name, place, value)
	if err != nil {
		return err
	}
	if table, inner, ok := strings.Cut(name, "."); ok {
		name, text = table, inner+"="+text
	}
	r.settings = append(r.settings, Setting{Name: name, Values: []string{text}, Place: place})
	return nil
}

func scalar(name, place string, n *unstable.Node) (string, error) {
	switch n.Kind {
	case unstable.String, unstable.Bool:
		return string(n.Data), nil
	case unstable.Integer:
		return strings.ReplaceAll(string(n.Data), "_", ""), nil
	}
	return "", fmt.Errorf("%s: the value of %s has an unsupported type: write it in quotes", place, name)
}
