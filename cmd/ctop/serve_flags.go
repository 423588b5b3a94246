package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"ctop/ui/console"
)

// sshFlags are the options of the SSH server.
type sshFlags struct {
	address, keys, hostKey, audit string
	limits                        console.Limits
	// history keeps the last ten minutes without a console, too.
	history bool
	flags   *pflag.FlagSet
}

func (f *sshFlags) register(flags *pflag.FlagSet) {
	f.flags, f.limits = flags, console.DefaultLimits()
	flags.StringVar(&f.address, "ssh", "", "address at which to serve the console over SSH")
	flags.StringVar(&f.keys, "authorized-keys", "", "file of the authorised keys (default authorized_keys in the state directory)")
	flags.StringVar(&f.hostKey, "host-key", "", "file of the server's host key, created if missing (default host_ed25519_key in the state directory)")
	flags.StringVar(&f.audit, "audit", "", "file to which every action is appended (default audit.jsonl in the state directory)")
	flags.BoolVar(&f.history, "history", false, "keep the last ten minutes although no console is open, for later ones and for ctop bundle")
	for _, l := range []struct {
		value       *int
		name, usage string
		most        int
	}{
		{&f.limits.Sessions, "ssh-sessions", "maximum number of sessions; up to 8 are reserved for operators", 10_000},
		{&f.limits.SessionsPerKey, "ssh-sessions-per-key", "maximum number of sessions per key", 10_000},
		{&f.limits.Startups, "ssh-startups", "maximum number of connections that are still logging in", 10_000},
		{&f.limits.StartupsPerAddress, "ssh-startups-per-address", "maximum number of these per address", 10_000},
		{&f.limits.FailuresPerAddress, "ssh-failures-per-address", "failed connections per address and minute above which new ones are dropped at random", 1_000_000},
		{&f.limits.AuthTries, "ssh-auth-tries", "maximum number of keys that a client may try per connection", 100},
		{&f.limits.FrameRate, "ssh-frame-rate", "maximum number of frames a second per session", console.MaxFrameRate},
	} {
		flags.Var(&countValue{l.value, l.most}, l.name, l.usage)
	}
	flags.Var((*spanValue)(&f.limits.Handshake), "ssh-handshake", "time limit for the login, and then for the first request")
	flags.Var((*spanValue)(&f.limits.Idle), "ssh-idle", "time without a key press after which a console is closed")
	flags.Var((*spanValue)(&f.limits.Stall), "ssh-stall", "time after which a client that reads nothing is disconnected")
}

// checkUnused refuses flags that mean nothing without --ssh. A variable may be set
// for other commands.
func (f *sshFlags) checkUnused() (err error) {
	f.flags.VisitAll(func(flag *pflag.Flag) {
		ours := flag.Name == "audit" || flag.Name == "authorized-keys" || flag.Name == "host-key" || flag.Name == "history" ||
			len(flag.Name) > len("ssh-") && flag.Name[:len("ssh-")] == "ssh-"
		if ours && flag.Changed && flag.Annotations[fromVariable] == nil && err == nil {
			err = usagef("--%s works only with --ssh: add --ssh 127.0.0.1:2222", flag.Name)
		}
	})
	return err
}

// countValue is a number from 1 to a maximum.
type countValue struct {
	value *int
	most  int
}

func (v *countValue) Type() string { return "N" }

func (v *countValue) String() string {
	if v.value == nil {
		return ""
	}
	return strconv.Itoa(*v.value)
}

// Set takes a number up to the maximum.
func (v *countValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > v.most {
		return fmt.Errorf("%q is out of range: use a number from 1 to %d", s, v.most)
	}
	*v.value = n
	return nil
}

// spanValue is a duration other than zero: none of these limits can be switched off.
type spanValue durationValue

func (v *spanValue) Type() string   { return "DURATION" }
func (v *spanValue) String() string { return (*durationValue)(v).String() }

// Set takes a duration.
func (v *spanValue) Set(s string) error {
	var d durationValue
	if err := d.Set(s); err != nil {
		return err
	}
	if d <= 0 {
		return fmt.Errorf("%q is too short: use 1s or more", s)
	}
	*v = spanValue(d)
	return nil
}
