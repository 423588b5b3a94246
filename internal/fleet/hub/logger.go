package hub

import (
	"fmt"
	"log/slog"
)

// logger passes what the server logs on.
type logger struct {
	log *slog.Logger
	// failed receives the first error that the server cannot go on after.
	failed chan<- string
}

// Noticef implements [server.Logger].
func (l logger) Noticef(f string, v ...any) { l.log.Debug("server: " + fmt.Sprintf(f, v...)) }

// Warnf implements [server.Logger].
func (l logger) Warnf(f string, v ...any) { l.log.Warn("server: " + fmt.Sprintf(f, v...)) }

// Fatalf implements [server.Logger]. It ends nothing: whoever began the server does.
func (l logger) Fatalf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	l.log.Error("server: " + text)
	select {
	case l.failed <- text:
	default:
	}
}

// Errorf implements [server.Logger].
func (l logger) Errorf(f string, v ...any) { l.log.Warn("server: " + fmt.Sprintf(f, v...)) }

// Debugf implements [server.Logger].
func (l logger) Debugf(string, ...any) {}

// Tracef implements [server.Logger].
func (l logger) Tracef(string, ...any) {}
