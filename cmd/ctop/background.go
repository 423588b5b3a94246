package main

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// answerTimeout is how long a terminal may take to report its background. The console
// waits for it, too short for a person to notice.
const answerTimeout = 200 * time.Millisecond

// questions ask for the background (xterm's "OSC Ps ; Pt", 11) and for the kind of
// terminal (DA1, ECMA-48 8.3.24). Answers come in order, and nearly every terminal
// gives the second: if it comes alone, there will be no first.
const questions = "\x1b]11;?\x1b\\" + "\x1b[c"

var (
	anyAnswer  = regexp.MustCompile(`\x1b\]11;[^\x07\x1b]{0,64}(?:\x07|\x1b\\)|\x1b\[\?[0-9;]{0,32}c`)
	lastAnswer = regexp.MustCompile(`\x1b\[\?[0-9;]{0,32}c`)
	// begunAnswer matches the beginning of an answer that is cut off. An escape alone
	// is a key.
	begunAnswer = regexp.MustCompile(`(?:\x1b\](?:1|11|11;[^\x07\x1b]{0,64}\x1b?)?|\x1b\[(?:\?[0-9;]{0,32})?)$`)
	colour      = regexp.MustCompile(`\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})`)
)

// askBackground asks a terminal for its background and reports whether it is light,
// dark if no answer comes in time. Late answers are kept from the console, and keys
// that are typed meanwhile are kept for it.
func (w watchedInput) askBackground(e env, timeout time.Duration) (light bool) {
	name := e.getenv("TERM")
	for _, shared := range [...]string{"screen", "tmux", "dumb"} {
		if strings.HasPrefix(name, shared) { // several terminals may be behind it, or none
			return lightByVariable(e.getenv("COLORFGBG"))
		}
	}
	text, asked := w.ask(e.stdout, timeout)
	*w.late = lateAnswers{owed: asked}
	w.late.typed = w.late.strip(text)
	if rgb := colour.FindStringSubmatch(text); rgb != nil {
		return lightness(rgb[1:]) >= 0.5
	}
	return lightByVariable(e.getenv("COLORFGBG"))
}

// ask asks the questions, and returns what it read until the last answer or the
// timeout.
func (w watchedInput) ask(out io.Writer, timeout time.Duration) (text string, asked bool) {
	fd := w.Fd()
	// A process in the background is stopped if it touches the terminal.
	if group, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return "", false
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", false
	}
	defer func() { _ = term.Restore(fd, before) }()
	// Keys that were typed before belong to the console.
	if readable(fd, 0) {
		return "", false
	}
	if _, err := io.WriteString(out, questions); err != nil {
		return "", false
	}
	b := make([]byte, 256)
	for end := time.Now().Add(timeout); !lastAnswer.MatchString(text); {
		if !readable(fd, time.Until(end)) {
			break
		}
		n, err := w.File.Read(b)
		if text += string(b[:n]); n == 0 || err != nil {
			break
		}
	}
	return text, true
}

// readable waits until there is something to read.
func readable(fd uintptr, timeout time.Duration) bool {
	for end := time.Now().Add(timeout); ; {
		left := max(time.Until(end), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// lightness returns the lightness of a colour in HSL, from 0 to 1. Its parts are
// hexadecimal numbers of one to four digits.
func lightness(rgb []string) float64 {
	least, most := 1.0, 0.0
	for _, digits := range rgb {
		n, _ := strconv.ParseUint(digits, 16, 16) // matched
		part := float64(n) / float64(uint(1)<<(4*len(digits))-1)
		least, most = min(least, part), max(most, part)
	}
	return (least + most) / 2
}

// lightByVariable reads COLORFGBG of rxvt and others, as in "0;15": white and the
// bright colours of the palette are light.
func lightByVariable(foreBack string) bool {
	last := foreBack[strings.LastIndexByte(foreBack, ';')+1:]
	n, err := strconv.Atoi(last)
	return err == nil && (n == 7 || n > 8 && n < 16)
}

// lateAnswers removes late answers from the input, so that they are not taken for
// keys.
type lateAnswers struct {
	owed bool
	// typed is what else was read while waiting for the answers.
	typed string
	// begun is the part of an incomplete answer that was read.
	begun string
	// escaped: the last thing read was an escape, which was passed on.
	escaped bool
}

// longestBegun limits begun, in bytes: what is longer is no answer.
const longestBegun = 80

// strip returns the input without the answers in it.
func (l *lateAnswers) strip(read string) string {
	if !l.owed {
		return read
	}
	const escape = "\x1b"
	text := l.begun + read
	if l.escaped {
		text = escape + text
	}
	l.owed = !lastAnswer.MatchString(text)
	first := anyAnswer.FindStringIndex(text)
	kept := anyAnswer.ReplaceAllString(text, "")
	l.begun = ""
	if l.owed {
		l.begun = begunAnswer.FindString(kept)
		kept = strings.TrimSuffix(kept, l.begun)
	}
	if l.escaped && (first == nil || first[0] > 0) {
		kept = strings.TrimPrefix(kept, escape) // it was passed on already
	}
	l.escaped = strings.HasSuffix(kept, escape)
	return kept
}

// readThrough reads from a terminal and removes late answers.
func (l *lateAnswers) readThrough(f *os.File, p []byte) (int, error) {
	if !l.owed || len(p) <= longestBegun {
		return f.Read(p)
	}
	n, err := f.Read(p[:len(p)-longestBegun])
	return copy(p, l.strip(string(p[:n]))), err
}

// keys returns the keys that were typed before the console could read them. Keys of
// more than one character are left out.
func (l *lateAnswers) keys() (keys []tea.KeyMsg) {
	if strings.Contains(l.typed, "\x1b") {
		return nil
	}
	for _, r := range l.typed {
		switch {
		case r < ' ' || r == 0x7f: // a KeyType is the character itself there
			keys = append(keys, tea.KeyMsg{Type: tea.KeyType(r)})
		case r == ' ':
			keys = append(keys, tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{r}})
		case r != utf8.RuneError:
			keys = append(keys, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
	return keys
}
