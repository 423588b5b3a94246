package console

import "time"

// Limits bound what clients can use. A zero value means the default.
type Limits struct {
	// Sessions is the number of sessions at once, SessionsPerKey of those with the
	// same key. Some of the former are reserved for operators.
	Sessions, SessionsPerKey int
	// Startups is the number of open connections that have not authenticated yet,
	// StartupsPerAddress of those from one address (of IPv6, one /64). If all are
	// taken, a new connection replaces one with little progress. Addresses from which
	// somebody logged in lately have as many places of their own.
	Startups, StartupsPerAddress int
	// FailuresPerAddress is the number of failed connections from one address in a
	// minute from which on new ones are refused at random, the more of them the more
	// have failed.
	FailuresPerAddress int
	// AuthTries is the number of keys that a client may try in one connection.
	AuthTries int
	// Handshake is the time until authentication has to end, and how long a
	// connection may be without a session.
	Handshake time.Duration
	// Idle is how long a console may be without a key press.
	Idle time.Duration
	// Stall is how long a client may stop reading.
	Stall time.Duration
	// FrameRate is the maximum number of frames per second of a session.
	FrameRate int
}

// DefaultLimits returns the defaults.
func DefaultLimits() Limits {
	return Limits{
		Sessions: 64, SessionsPerKey: 16,
		Startups: 100, StartupsPerAddress: 20, FailuresPerAddress: 30, AuthTries: 6,
		Handshake: 15 * time.Second, Idle: 30 * time.Minute, Stall: 30 * time.Second,
		FrameRate: 10,
	}
}

// MaxFrameRate is the largest FrameRate.
const MaxFrameRate = 15

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, n := range []struct{ value, or *int }{
		{&l.Sessions, &d.Sessions},
		{&l.SessionsPerKey, &d.SessionsPerKey},
		{&l.Startups, &d.Startups},
		{&l.StartupsPerAddress, &d.StartupsPerAddress},
		{&l.FailuresPerAddress, &d.FailuresPerAddress},
		{&l.AuthTries, &d.AuthTries},
		{&l.FrameRate, &d.FrameRate},
	} {
		if *n.value <= 0 {
			*n.value = *n.or
		}
	}
	for _, t := range []struct{ value, or *time.Duration }{
		{&l.Handshake, &d.Handshake}, {&l.Idle, &d.Idle}, {&l.Stall, &d.Stall},
	} {
		if *t.value <= 0 {
			*t.value = *t.or
		}
	}
	l.FrameRate = min(l.FrameRate, MaxFrameRate)
	return l
}
