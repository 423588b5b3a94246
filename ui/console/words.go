package console

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	errOpenQuote = errors.New("the command has an unclosed quote")
	errNotText   = errors.New("the command is not UTF-8 text")
)

// splitWords splits a command into words as a POSIX shell does (Shell Command
// Language, section 2.2), without expansions, comments and operators: blanks separate
// words, quotes and backslashes join them, and every other character stands for
// itself. It refuses control characters.
func splitWords(text string) (words []string, err error) {
	if !utf8.ValidString(text) {
		return nil, errNotText
	}
	var s splitter
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' {
			return nil, fmt.Errorf("the command contains %U, which is not a printable character", r)
		}
		s.take(r)
	}
	if s.quote != 0 || s.escaped {
		return nil, errOpenQuote
	}
	s.endWord()
	return s.words, nil
}

// splitter is the state of splitWords.
type splitter struct {
	words []string
	word  strings.Builder
	// inWord is set inside a word, which may be empty: "" is one.
	inWord bool
	// quote is the open quote, 0 if there is none.
	quote rune
	// escaped is set after a backslash.
	escaped bool
}

func (s *splitter) take(r rune) {
	switch {
	case s.escaped:
		s.escaped = false
		if s.quote == '"' && r != '"' && r != '\\' {
			s.word.WriteRune('\\') // only these two can be escaped there
		}
		s.word.WriteRune(r)
	case r == '\\' && s.quote != '\'':
		s.escaped, s.inWord = true, true
	case r == s.quote:
		s.quote = 0
	case s.quote != 0:
		s.word.WriteRune(r)
	case r == '\'' || r == '"':
		s.quote, s.inWord = r, true
	case r == ' ' || r == '\t':
		s.endWord()
	default:
		s.inWord = true
		s.word.WriteRune(r)
	}
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}
