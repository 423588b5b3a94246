package hub

import (
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"ctop/internal/fleet"
)

// logger passes what the server logs on.
type logger struct {
	log *slog.Logger
	// failed receives the first error that the server cannot go on after.
	failed chan<- string
	// said is what strangers can make the server log.
	said *fleet.Seldom
}

// client begins what the server logs of a connection.
var client = regexp.MustCompile(`^(\S+) - \w+:\d+ - `)

// kindOf returns what a line says, without who says it but for the address.
func kindOf(text string) string {
	address := ""
	if of := client.FindStringSubmatch(text); of != nil {
		text = text[len(of[0]):]
		address, _, _ = net.SplitHostPort(of[1])
	}
	if end := strings.IndexAny(text, `-:"`); end >= 0 {
		text = text[:end]
	}
	return address + " " + text
}

// warn logs a line, at most one of a kind a minute.
func (l logger) warn(text string) {
	more, say := l.said.Say(kindOf(text), time.Now())
	if !say {
		return
	}
	log := l.log
	if more > 0 {
		log = log.With("more", more)
	}
	log.Warn("server: " + explain(text))
}

// The words of a server for hubs of different directories that are to be linked.
const (
	badLink   = "TLS leafnode handshake error: tls: failed to verify certificate"
	badCaller = "TLS leafnode handshake error: remote error: tls: "
)

// explain returns a line with what to do about it, where that is known.
func explain(text string) string {
	what := ""
	switch {
	case strings.Contains(text, badLink):
		what = "the hub there has another certificate: copy its directory to this machine, but for jetstream"
	case strings.Contains(text, badCaller):
		what = "a hub that comes from there wants another certificate: copy this hub's directory to its machine, but for jetstream"
	default:
		return text
	}
	return client.FindString(text) + what
}

// Noticef implements [server.Logger].
func (l logger) Noticef(f string, v ...any) { l.log.Debug("server: " + fmt.Sprintf(f, v...)) }

// Warnf implements [server.Logger].
func (l logger) Warnf(f string, v ...any) { l.warn(fmt.Sprintf(f, v...)) }

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
func (l logger) Errorf(f string, v ...any) { l.warn(fmt.Sprintf(f, v...)) }

// Debugf implements [server.Logger].
func (l logger) Debugf(string, ...any) {}

// Tracef implements [server.Logger].
func (l logger) Tracef(string, ...any) {}
