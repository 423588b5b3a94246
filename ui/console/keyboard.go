package console

import (
	"io"
	"unicode/utf8"
)

// The keys of a terminal that mean more than themselves.
const (
	keyInterrupt = 0x03
	keyEnd       = 0x04
	keyBackspace = 0x08
	keyEnter     = '\r'
	keyNewline   = '\n'
	keyDelete    = 0x7f
)

const (
	// longestLine is more than any answer to a question, in bytes.
	longestLine = 256
	// linesAhead is how many lines may be typed before they are read. Further ones
	// are dropped.
	linesAhead = 16
)

// keyboard is the terminal of a client that runs a command. The client sends every
// key as it is, and no kernel on this side makes lines of them: keyboard echoes what
// is typed and returns whole lines.
type keyboard struct {
	echo io.Writer
	// interrupt is called for Ctrl-C.
	interrupt func()

	lines chan string
	line  []byte
	// rest is the unread part of the current line.
	rest string
}

func newKeyboard(echo io.Writer, interrupt func()) *keyboard {
	return &keyboard{echo: echo, interrupt: interrupt, lines: make(chan string, linesAhead)}
}

// Read implements [io.Reader]. It waits for a line, and returns [io.EOF] after the
// last one.
func (k *keyboard) Read(p []byte) (int, error) {
	for k.rest == "" {
		line, ok := <-k.lines
		if !ok {
			return 0, io.EOF
		}
		k.rest = line
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// listen reads keys until there are no more.
func (k *keyboard) listen(keys io.Reader) {
	defer close(k.lines)
	buffer := make([]byte, longestLine)
	for {
		n, err := keys.Read(buffer)
		for _, key := range buffer[:n] {
			if !k.press(key) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// press handles one byte, and reports whether more may follow.
func (k *keyboard) press(key byte) bool {
	switch key {
	case keyInterrupt:
		k.show("^C\r\n")
		k.interrupt()
		return false
	case keyEnd:
		return len(k.line) > 0
	case keyEnter, keyNewline:
		k.show("\r\n")
		select {
		case k.lines <- string(k.line) + "\n":
		default:
		}
		k.line = k.line[:0]
	case keyBackspace, keyDelete:
		if len(k.line) > 0 {
			_, size := utf8.DecodeLastRune(k.line)
			k.line = k.line[:len(k.line)-size]
			k.show("\b \b")
		}
	default:
		if key >= ' ' && len(k.line) < longestLine {
			k.line = append(k.line, key)
			k.show(string([]byte{key}))
		}
	}
	return true
}

// show writes to the terminal. If that fails, the command's own output fails too.
func (k *keyboard) show(text string) { _, _ = io.WriteString(k.echo, text) }
