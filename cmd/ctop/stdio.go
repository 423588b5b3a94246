package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"

	"ctop/internal/format"
	"ctop/ui/theme"
)

// terminalOf returns the terminal that a stream is, also where it gets cleaned lines, and
// nil if it is none.
func terminalOf(stream any) *os.File {
	if c, ok := stream.(cleaned); ok {
		stream = c.Writer
	}
	if f, ok := stream.(*os.File); ok && term.IsTerminal(f.Fd()) {
		return f
	}
	return nil
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool { return terminalOf(stream) != nil }

// interactive reports whether an operator reads and types, and no script, on a terminal
// that can be drawn on.
func (e env) interactive() bool {
	return isTerminal(e.stdin) && isTerminal(e.stdout) && e.getenv("TERM") != dumb
}

// dumb is the type of a terminal that prints lines and can do nothing else.
const dumb = "dumb"

// printsLines reports whether the console is wanted on a terminal that can only print
// lines.
func (e env) printsLines() bool {
	return isTerminal(e.stdin) && isTerminal(e.stdout) && e.getenv("TERM") == dumb
}

// checkTerminal returns an error if the console cannot be drawn on stdin and stdout.
func (e env) checkTerminal() error {
	switch {
	case !isTerminal(e.stdin):
		return usagef("open the console: stdin is not a terminal: use --dump for output that a script can read")
	case !isTerminal(e.stdout):
		return usagef("open the console: stdout is not a terminal: use --dump for output that a script can read")
	case e.getenv("TERM") == "":
		return errors.New("open the console: TERM is not set: set it to the terminal's type, as in TERM=xterm, or use --dump")
	}
	return nil
}

// watchedInput is a terminal that reports when it is gone. bubbletea goes on without
// its terminal, and without a controlling terminal no signal ends the program either.
type watchedInput struct {
	*os.File
	gone chan struct{}
	once *sync.Once
	late *lateAnswers
}

// watchInput watches stdin, which checkTerminal has found to be a terminal.
func watchInput(stdin io.Reader) watchedInput {
	f, _ := stdin.(*os.File)
	return watchedInput{File: f, gone: make(chan struct{}), once: new(sync.Once), late: new(lateAnswers)}
}

// Read reads keys.
func (w watchedInput) Read(p []byte) (int, error) {
	n, err := w.late.readThrough(w.File, p)
	if errors.Is(err, io.EOF) {
		w.once.Do(func() { close(w.gone) })
	}
	return n, err
}

// errStdoutClosed is the error that a write to stdout would return, had Go's runtime
// not replaced it by /dev/null.
var errStdoutClosed = errors.New("write to stdout: it is closed: redirect it to a file or to /dev/null")

// checkStdout returns an error if stdout was closed (>&-), before anything is
// attached. Go's runtime opens /dev/null for a closed descriptor before any of our
// code runs: for reading and writing, and not shared with another descriptor. A shell
// opens it for writing only, and a daemon shares it between all three.
func (e env) checkStdout() error {
	f, ok := e.stdout.(*os.File)
	if !ok {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return errStdoutClosed
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		return nil
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_ACCMODE == unix.O_RDWR && !sharesDescription(int(f.Fd())) {
		return errStdoutClosed
	}
	return nil
}

// sharesDescription reports whether another standard stream is the same open file. If
// the kernel cannot compare them (it was built without kcmp), it may be.
func sharesDescription(fd int) bool {
	const kcmpFile = 0 // KCMP_FILE, linux/kcmp.h
	pid := uintptr(os.Getpid())
	for other := range 3 {
		if other == fd {
			continue
		}
		order, _, errno := unix.Syscall6(unix.SYS_KCMP, pid, pid, kcmpFile, uintptr(fd), uintptr(other), 0)
		if errno != 0 || order == 0 {
			return true
		}
	}
	return false
}

// cleaned is a writer that removes control characters: names of files and interfaces,
// and flags, can be any bytes and must not control the terminal. Each write is whole
// lines.
type cleaned struct{ io.Writer }

// Write writes lines as [format.Clean] returns them.
func (c cleaned) Write(p []byte) (int, error) {
	lines := strings.Split(string(p), "\n")
	for i, line := range lines {
		lines[i] = format.Clean(strings.ReplaceAll(line, "\t", "    "))
	}
	if _, err := io.WriteString(c.Writer, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// note prints a line on stderr that is not data.
func (e env) note(text string, args ...any) {
	line := fmt.Sprintf("ctop: "+text, args...)
	if e.getenv != nil && e.getenv("TERM") == "dumb" {
		line = theme.ASCII(line, len(line))
	}
	_, _ = fmt.Fprintln(e.stderr, line) // if it cannot be written, the command still goes on
}

// writeFailed describes the error of a write to stdout. [report] ignores it if the
// reader has gone.
func writeFailed(err error) error {
	if err == nil {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("write to stdout: %w", err)
}

// print writes a short text to stdout.
func (e env) print(text string) error {
	_, err := io.WriteString(e.stdout, text)
	return writeFailed(err)
}
