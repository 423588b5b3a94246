package console

import "time"

// Limits bound what clients can cost. Every zero value means the default.
type Limits struct {
	// Sessions is how many there may be at once, SessionsPerKey with the same
	// key. Some of the former are kept for operators.
	Sessions, SessionsPerKey int
	// Startups is how many connections may be open that have not
	// authenticated yet, StartupsPerAddress how many of them from one address
	// (of IPv6, from one /64). Where there are as many, another one takes the
	// place of one that has not come far. Addresses from which somebody logged
	// in lately have as many places of their own.
	Startups, StartupsPerAddress int
	// FailuresPerAddress is how many connections from one address may fail in
	// a minute before further ones are turned away at random, the more of them
	// the more have failed.
	FailuresPerAddress int
	// AuthTries is how many keys a client may try in one connection.
	AuthTries int
	// Handshake is the time up to the end of authentication, and again the
	// time that a connection may stay without a session.
	Handshake time.Duration
	// Idle is how long a session may stay without input.
	Idle time.Duration
	// Stall is how long a client may take none of what is sent.
	Stall time.Duration
	// FrameRate is how often a second a session draws at most.
	FrameRate int
}

// DefaultLimits returns what a zero value stands for.
func DefaultLimits() Limits {
	return Limits{
		Sessions: 64, SessionsPerKey: 16,
		Startups: 100, StartupsPerAddress: 20, FailuresPerAddress: 30, AuthTries: 6,
		Handshake: 15 * time.Second, Idle: 30 * time.Minute, Stall: 30 * time.Second,
		FrameRate: 10,
	}
}

// MaxFrameRate is the most that any link and any eye has a use for.
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
