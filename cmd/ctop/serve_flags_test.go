package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"ctop/ui/console"
)

// The flags of the SSH server begin with the defaults and take what lies within their
// bounds.
func TestSSHFlags(t *testing.T) {
	var f sshFlags
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.register(flags)
	if f.limits != console.DefaultLimits() {
		t.Errorf("%+v", f.limits)
	}
	for name, tt := range map[string]struct {
		value *int
		most  int
	}{
		"ssh-sessions":             {&f.limits.Sessions, 10_000},
		"ssh-sessions-per-key":     {&f.limits.SessionsPerKey, 10_000},
		"ssh-startups":             {&f.limits.Startups, 10_000},
		"ssh-startups-per-address": {&f.limits.StartupsPerAddress, 10_000},
		"ssh-failures-per-address": {&f.limits.FailuresPerAddress, 1_000_000},
		"ssh-auth-tries":           {&f.limits.AuthTries, 100},
		"ssh-frame-rate":           {&f.limits.FrameRate, 15},
	} {
		for _, n := range []int{1, tt.most} {
			if err := flags.Set(name, strconv.Itoa(n)); err != nil || *tt.value != n {
				t.Errorf("%s %d: %d, %v", name, n, *tt.value, err)
			}
		}
		for _, text := range []string{"0", "-1", strconv.Itoa(tt.most + 1), "many", ""} {
			if err := flags.Set(name, text); err == nil || *tt.value != tt.most {
				t.Errorf("%s %q: %d, %v", name, text, *tt.value, err)
			}
		}
	}
	for name, value := range map[string]*time.Duration{
		"ssh-handshake": &f.limits.Handshake, "ssh-idle": &f.limits.Idle, "ssh-stall": &f.limits.Stall,
	} {
		if err := flags.Set(name, "1s"); err != nil || *value != time.Second {
			t.Errorf("%s: %s, %v", name, *value, err)
		}
		for _, text := range []string{"0", "0s", "soon"} {
			if err := flags.Set(name, text); err == nil || *value != time.Second {
				t.Errorf("%s %q: %s, %v", name, text, *value, err)
			}
		}
	}
}

// Flags that mean nothing without --ssh are refused without it, unless a variable
// has set them.
func TestUnusedSSHFlags(t *testing.T) {
	for name, ours := range map[string]bool{
		"audit": true, "authorized-keys": true, "host-key": true, "ssh-idle": true, "ssh": false, "metrics": false,
	} {
		var f sshFlags
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		flags.String("metrics", "", "")
		f.register(flags)
		if err := f.checkUnused(); err != nil {
			t.Error(err)
		}
		if err := flags.Set(name, "1m"); err != nil {
			t.Fatal(err)
		}
		if err := f.checkUnused(); (err != nil) != ours {
			t.Errorf("%s: %v", name, err)
		}
		flags.Lookup(name).Annotations = map[string][]string{fromVariable: {"1m"}}
		if err := f.checkUnused(); err != nil {
			t.Errorf("%s of a variable: %v", name, err)
		}
	}
}
