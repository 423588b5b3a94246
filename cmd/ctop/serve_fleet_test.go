package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"ctop/internal/fleet"
	"ctop/internal/fleet/hub"
	"ctop/tracker/flow"
)

// The host's own credentials do not open the fleet for consoles, whatever they are called, and
// credentials that nobody can use are refused.
func TestFleetConsoleCredentials(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []struct {
		role fleet.Role
		name string
	}{{fleet.RoleHost, "edge-1"}, {fleet.RoleViewer, "desk"}} {
		if err := hub.Dir(dir).Add(key.role, key.name, filepath.Join(dir, key.name), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	prepared := func(args ...string) (*fleetFlags, error) {
		var f fleetFlags
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		f.register(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		err := f.prepare(dir)
		f.close()
		return &f, err
	}
	join := []string{"--fleet", "127.0.0.1:4222", "--creds", at("edge-1")}
	f, err := prepared(append(join, "--fleet-console", at("desk"))...)
	if err != nil || f.door(nil) == nil {
		t.Fatal(err)
	}
	if err := f.checkUnused(); err == nil || !strings.Contains(err.Error(), "--ssh") {
		t.Errorf("without --ssh: %v", err)
	}
	var usage *flow.UsageError
	if _, err := prepared(append(join, "--fleet-console", at("edge-1"))...); !errors.As(err, &usage) || !strings.Contains(err.Error(), "keys add viewer") {
		t.Errorf("the host's own: %v", err)
	}
	if _, err := prepared("--fleet-console", at("desk")); !errors.As(err, &usage) || !strings.Contains(err.Error(), "only with --fleet") {
		t.Errorf("without a fleet: %v", err)
	}
	if f, err := prepared(join...); err != nil || f.door(nil) != nil || f.checkUnused() != nil {
		t.Errorf("without: %v", err)
	}
}

// Over SSH a dump of the fleet is bounded.
func TestFleetOverSSHIsBounded(t *testing.T) {
	e := env{stderr: &strings.Builder{}}
	view := viewFlags{}
	if err := e.limitFleet(&view); err != nil || view.limit != usualOfHost {
		t.Errorf("%d, %v", view.limit, err)
	}
	view.limit = mostOfHost + 1
	if err := e.limitFleet(&view); err == nil {
		t.Error("it has no bound")
	}
}
