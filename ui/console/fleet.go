package console

import (
	"context"
	"errors"
	"slices"

	"ctop/tracker/flow"
	"ctop/ui"
)

// Fleet is what a session sees of a fleet.
type Fleet struct {
	Reader ui.Fleet
	// Actor acts on its hosts. It is nil if the server's credentials are a viewer's.
	Actor flow.Actor
	// Close ends what the reader does. It may be called several times.
	Close func()
}

// ErrNoFleet is the error where the server has no credentials for the fleet.
var ErrNoFleet = errors.New("this server opens no fleet: run it with --fleet-console FILE, the credentials of ctop hub keys add viewer NAME")

var errFleetViewer = errors.New("the fleet can only be looked at from here: its operator lets this server act with ctop hub keys add operator NAME, for --fleet-console")

// isFleet reports whether a command opens the console of the fleet, which needs a terminal.
func (x *session) isFleet(args []string) bool {
	return x.pty && (slices.Equal(args, []string{"fleet"}) || slices.Equal(args, []string{"ctop", "fleet"}))
}

// openFleet opens the fleet for the session, until that ends.
func (x *session) openFleet() (ui.Room, error) {
	open := x.server.options.OpenFleet
	if open == nil {
		return ui.Room{}, ErrNoFleet
	}
	f, err := open(x.ctx)
	if err != nil {
		x.server.log.Warn("the fleet does not open", append(x.who.logged(), "error", err.Error())...)
		return ui.Room{}, err
	}
	context.AfterFunc(x.ctx, f.Close)
	x.server.log.Info("a console of the fleet opens", x.who.logged()...)
	return ui.Room{Reader: f.Reader, Options: x.fleetLook(f), Close: f.Close}, nil
}

// fleetLook returns the options of a console of the fleet. What the key permits on this
// machine, it permits on the others, as far as the server's credentials permit it.
func (x *session) fleetLook(f *Fleet) []ui.Option {
	options := append(x.terminalLook(),
		ui.WithFleet(f.Reader), ui.WithRole(x.who.key.Role.String()), ui.WithExportElsewhere(x.exportFleetCommand))
	switch {
	case x.who.key.Role != Operator:
		return append(options, ui.WithActor(x.refusing()), ui.WithRefusal(x.refusing().attempt))
	case f.Actor == nil:
		return append(options, ui.WithRefusal(func(ui.Attempt) error { return errFleetViewer }))
	}
	acts := x.auditing()
	acts.actor, acts.fleet = f.Actor, true
	return append(options, ui.WithActor(acts))
}

// showFleet runs a console of the fleet on the client's terminal.
func (x *session) showFleet() int {
	room, err := x.openFleet()
	if err != nil {
		x.say(err.Error())
		return exitFailed
	}
	defer room.Close()
	return x.showOf(room.Reader, room.Options)
}

// exportFleetCommand is [session.exportCommand] for flows of the fleet.
func (x *session) exportFleetCommand(_, filter string) string {
	return commandOver(x.conn.LocalAddr(), "fleet --dump -o json", "flows.json", filter)
}
