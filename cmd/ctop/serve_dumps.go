package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"ctop/tracker/flow"
	"ctop/ui/console"
)

// Limits of the dumps that are sent at one time. A snapshot of a million flows takes
// a quarter of a gigabyte, for as long as a client takes to read the dump.
const (
	// mostDumps is the number of dumps at once, mostViewersDumps the number of those
	// of viewers.
	mostDumps, mostViewersDumps = 16, 8
	// mostHeld is the number of snapshots that they use, mostViewersHeld the number
	// of those that viewers use.
	mostHeld, mostViewersHeld = 2, 1
	// sharedFor is how much older than the latest a shared snapshot may be.
	sharedFor = 5 * time.Second
	// slowAfter is the time after which a dump may be ended in favour of another one.
	slowAfter = 30 * time.Second
)

var errSlowDump = errors.New("the client read the dump too slowly while others wait: request fewer flows with --filter or --limit, or try again")

// dumps are the dumps that are being sent. They share snapshots, which bounds their
// memory.
type dumps struct {
	clock func() time.Time

	mu   sync.Mutex
	sent []*sentDump // oldest first
	// waiting are the dumps that wait for a place, in the order of their arrival.
	waiting []*waiting
	// changed is closed and replaced when a dump ends.
	changed chan struct{}
	// arranging is held while flows are filtered and sorted, which takes memory for
	// each of them.
	arranging sync.Mutex
	// bundles is what bundles are made of.
	bundles *bundleSource
	// fleet is nil if there is none.
	fleet *fleetDoor
}

// sentDump is a dump that is being sent.
type sentDump struct {
	snapshot *flow.Snapshot
	role     console.Role
	begun    time.Time
	end      func(why error)
	ended    bool
}

// waiting is a dump that waits for a place.
type waiting struct{ role console.Role }

func newDumps() *dumps { return &dumps{clock: time.Now, changed: make(chan struct{})} }

// begin waits until a dump may be sent. It returns the dump's snapshot and the
// function to call at its end. end is called if the dump has to make room for another
// one.
func (d *dumps) begin(ctx context.Context, latest func() *flow.Snapshot, role console.Role, end func(error)) (*flow.Snapshot, func(), error) {
	w := &waiting{role}
	d.mu.Lock()
	d.waiting = append(d.waiting, w)
	d.mu.Unlock()
	defer d.leave(w)
	for {
		changed, first := d.turn(w)
		if first {
			s, err := asked(ctx, latest)
			if err != nil {
				return nil, nil, err
			}
			if dump := d.try(s, w, end); dump != nil {
				return dump.snapshot, func() { d.done(dump) }, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-changed:
		case <-time.After(time.Second): // one may have become slow
		}
	}
}

// turn reports whether a dump is the first of its role that waits. changed is closed at
// the next change.
func (d *dumps) turn(w *waiting) (changed <-chan struct{}, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.IndexFunc(d.waiting, func(other *waiting) bool { return other.role == w.role })
	return d.changed, at >= 0 && d.waiting[at] == w
}

// asked calls latest, which may wait for the table to be read, and does not wait longer
// than ctx.
func asked(ctx context.Context, latest func() *flow.Snapshot) (*flow.Snapshot, error) {
	answer := make(chan *flow.Snapshot, 1)
	go func() { answer <- latest() }()
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// try takes a place, for the latest snapshot or one that is being sent. If there is
// none, it may end a slow dump.
func (d *dumps) try(latest *flow.Snapshot, w *waiting, end func(error)) *sentDump {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.choose(latest, w.role); s != nil {
		dump := &sentDump{snapshot: s, role: w.role, begun: d.clock(), end: end}
		d.sent = append(d.sent, dump)
		return dump
	}
	d.endSlow(w.role)
	return nil
}

// endSlow ends the oldest dump if it is slow and the role may take its place.
func (d *dumps) endSlow(role console.Role) {
	for _, dump := range d.sent {
		if d.clock().Sub(dump.begun) < slowAfter {
			break
		}
		if !dump.ended && (role == console.Operator || dump.role == role) {
			dump.ended = true
			dump.end(errSlowDump)
			break
		}
	}
}

// choose returns the snapshot for another dump, nil if there is no place.
func (d *dumps) choose(latest *flow.Snapshot, role console.Role) *flow.Snapshot {
	if latest == nil { // the collector has just stopped
		return nil
	}
	held, viewersHeld := map[*flow.Snapshot]bool{}, map[*flow.Snapshot]bool{}
	viewers := 0
	var newest *flow.Snapshot
	for _, dump := range d.sent {
		if dump.role != console.Operator {
			viewers++
			viewersHeld[dump.snapshot] = true
		}
		held[dump.snapshot] = true
		if newest == nil || dump.snapshot.Time.After(newest.Time) {
			newest = dump.snapshot
		}
	}
	viewer := role != console.Operator
	switch {
	case len(d.sent) >= mostDumps || viewer && viewers >= mostViewersDumps:
		return nil
	case held[latest], len(held) < mostHeld && (!viewer || len(viewersHeld) < mostViewersHeld):
		return latest
	case newest != nil && latest.Time.Sub(newest.Time) <= sharedFor:
		return newest
	}
	return nil
}

func (d *dumps) leave(w *waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(other *waiting) bool { return other == w })
	d.wake()
}

func (d *dumps) done(dump *sentDump) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = slices.DeleteFunc(d.sent, func(other *sentDump) bool { return other == dump })
	d.wake()
}

func (d *dumps) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}
