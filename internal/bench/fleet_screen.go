package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/internal/tmux"
)

// startConsole starts ctop fleet, and waits until it has heard of all hosts.
func (r *fleetRun) startConsole(ctx context.Context) (err error) {
	binary, err := filepath.Abs(ctopBinary)
	if err != nil {
		return err
	}
	r.console, err = tmux.Start(ctx, tmux.Options{
		Width: 200, Height: fleetScreen,
		Command: []string{binary, "fleet", "--url", fleetAddress, "--creds", filepath.Join(r.dir, "ann")},
		Env:     []string{"HOME=" + r.dir, "XDG_STATE_HOME=" + r.dir, "XDG_CONFIG_HOME=" + r.dir},
	})
	if err != nil {
		return err
	}
	_, err = r.shows(ctx, time.Minute, func(screen string) bool {
		return strings.Contains(screen, "of "+format.Count(r.hosts*r.flows)+" flows")
	})
	return err
}

// shows waits until the screen of the console holds, and returns when it did.
func (r *fleetRun) shows(ctx context.Context, limit time.Duration, holds func(screen string) bool) (time.Time, error) {
	var screen string
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if screen, err = r.console.Screen(ctx); err != nil {
			return time.Time{}, err
		}
		if holds(screen) {
			return time.Now(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the console did not show it within %s: %s", limit, screen)
}

// filters types filters, and measures how long it takes until the screen is full of flows that
// match, and until those of all hosts count.
func (r *fleetRun) filters(ctx context.Context, o Options) error {
	var first, all []float64
	for range o.rounds(7, 3) {
		port := fmt.Sprintf(":%d ", firstFleetPort+r.next%fleetPorts)
		r.next++
		if err := r.console.Press(ctx, "/"); err != nil {
			return err
		}
		began := time.Now()
		if err := r.console.Press(ctx, append(strings.Split("dport"+strings.TrimSpace(port), ""), "Enter")...); err != nil {
			return err
		}
		full, err := r.shows(ctx, time.Minute, func(screen string) bool { return strings.Count(screen, port) >= fleetFull })
		if err != nil {
			return err
		}
		matching := format.Count(r.hosts*r.flows/fleetPorts) + " of " + format.Count(r.hosts*r.flows) + " flows match"
		complete, err := r.shows(ctx, time.Minute, func(screen string) bool { return strings.Contains(screen, matching) })
		if err != nil {
			return err
		}
		first, all = append(first, float64(full.Sub(began).Milliseconds())), append(all, float64(complete.Sub(began).Milliseconds()))
		time.Sleep(2300 * time.Millisecond) // at any time between two looks
	}
	r.row("from a filter to a screen full of it", "ms", "at most 1000", first...)
	r.row("from a filter to the first rows of all hosts", "ms", "", all...)
	return nil
}
