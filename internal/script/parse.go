package script

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a parsed file.
type File struct {
	Name      string
	Sequences []*Sequence
}

// Read reads the files that match a pattern. It returns an error if there are
// none.
func Read(pattern string) (all []File, err error) {
	names, err := filepath.Glob(pattern)
	if err == nil && len(names) == 0 {
		err = errors.New("no such files")
	}
	if err != nil {
		return nil, fmt.Errorf("read sequences %s: %w", pattern, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sequences, err := Parse(filepath.Base(name), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, File{Name: filepath.Base(name), Sequences: sequences})
	}
	return all, nil
}

// parser parses sequences.
type parser struct {
	sequences []*Sequence
	// defaults are the initial numbers of ends for lines that do not set them.
	defaults struct {
		isn    [2]uint32
		window uint16
	}
	where string
	now   numbers
	known map[string]included
}

// included is the state at the end of a sequence, for sequences that play it
// first.
type included struct {
	*Sequence
	numbers
}

// numbers are the next numbers of each end in each of the two tuples, and
// whether it has sent anything.
type numbers struct {
	next [2][2]uint32
	sent [2][2]bool
}

// Parse parses sequences. file is the name in errors.
func Parse(file, text string) ([]*Sequence, error) {
	p := parser{known: map[string]included{}}
	p.defaults.isn, p.defaults.window = [2]uint32{FirstISN, SecondISN}, DefaultWindow
	for i, line := range strings.Split(text, "\n") {
		p.where = fmt.Sprintf("%s:%d", file, i+1)
		line, _, _ = strings.Cut(line, "#")
		if err := p.take(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%s: %w", p.where, err)
		}
	}
	return p.sequences, nil
}

// Initial numbers if neither the file nor the line sets them.
const (
	FirstISN      = 1_000_000
	SecondISN     = 5_000_000
	DefaultWindow = 64240
)

func (p *parser) take(line string) error {
	if line == "" {
		return nil
	}
	if name, heading := strings.CutPrefix(line, "= "); heading {
		p.begin(strings.TrimSpace(name))
		return nil
	}
	words := strings.Fields(line)
	if words[0] == "defaults" {
		return p.setDefaults(words[1:])
	}
	if len(p.sequences) == 0 {
		return errors.New("a line before the first sequence")
	}
	s := p.sequences[len(p.sequences)-1]
	if err := p.extend(s, line, words); err != nil {
		return err
	}
	p.known[s.Name] = included{s, p.now}
	return nil
}

func (p *parser) begin(name string) {
	isn := p.defaults.isn
	p.now = numbers{next: [2][2]uint32{isn, isn}}
	p.sequences = append(p.sequences, &Sequence{Name: name})
}

func (p *parser) setDefaults(words []string) error {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "isn":
			_, err = fmt.Sscanf(value, "%d,%d", &p.defaults.isn[0], &p.defaults.isn[1])
		case "win":
			_, err = fmt.Sscanf(value, "%d", &p.defaults.window)
		default:
			err = errors.New("want isn=NUMBER,NUMBER or win=NUMBER")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
	}
	return nil
}

// extend appends a line to a sequence.
func (p *parser) extend(s *Sequence, line string, words []string) error {
	switch {
	case words[0] == "@":
		return p.include(s, strings.TrimSpace(line[1:]))
	case len(s.Steps) == 0 && slices.Equal(words, []string{"family", "ipv6"}):
		s.V6 = true
		return nil
	case len(s.Steps) == 0 && slices.Equal(words, []string{"policy", "enforce"}):
		s.Enforce = true
		return nil
	}
	step, err := p.step(line)
	if err == nil {
		s.Steps = append(s.Steps, step)
	}
	return err
}

// include inserts another sequence at the start.
func (p *parser) include(s *Sequence, name string) error {
	other, found := p.known[name]
	switch {
	case !found:
		return fmt.Errorf("%q is not known yet", name)
	case len(s.Steps) > 0:
		return fmt.Errorf("%q cannot be played after other steps", name)
	}
	s.V6, s.Enforce = s.V6 || other.V6, s.Enforce || other.Enforce
	s.Steps, p.now = slices.Clone(other.Steps), other.numbers
	return nil
}

func (p *parser) step(line string) (Step, error) {
	step := Step{Scale: NoScale, Window: p.defaults.window, Where: p.where}
	line, step.Differs, _ = strings.Cut(line, "~")
	step.Differs = strings.TrimSpace(step.Differs)
	line, want, wants := strings.Cut(line, "=>")
	words := strings.Fields(line)
	if len(words) == 0 {
		return step, errors.New("a line needs a packet or a command")
	}
	packet := words[0][0] == '>' || words[0][0] == '<'
	if wants {
		var err error
		if step.Want, err = parseWant(strings.Fields(want), packet); err != nil {
			return step, err
		}
	}
	if !packet {
		step.Command, step.Args = words[0], words[1:]
		return step, nil
	}
	return step, p.packet(&step, words)
}

func parseWant(words []string, packet bool) (*Want, error) {
	w := &Want{Fields: map[string]string{}}
	if packet && len(words) > 0 {
		w.Verdict, w.Reason, _ = strings.Cut(words[0], "/")
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, errors.New("a packet wants a verdict and a state, a command a state")
	}
	w.State = words[0]
	if ended, state, both := strings.Cut(words[0], ">"); both {
		w.Ended, w.State = ended, state
	} else if words[0][0] == '-' {
		w.Ended, w.State = words[0][1:], "-"
	}
	for _, field := range words[1:] {
		name, value, is := strings.Cut(field, "=")
		if !is {
			return nil, fmt.Errorf("%q: want FIELD=VALUE", field)
		}
		w.Fields[name] = value
	}
	return w, nil
}
