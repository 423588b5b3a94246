package main

import (
	"hash/fnv"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ctop/internal/ipfix"
	"ctop/tracker"
	"ctop/tracker/flow"
)

// ipfixFlags are the options of the export of flow records.
type ipfixFlags struct {
	collectors collectorsValue
	active     time.Duration
	process    bool
	flags      *pflag.FlagSet
}

func (f *ipfixFlags) register(flags *pflag.FlagSet) {
	f.flags, f.active = flags, ipfix.DefaultActive
	flags.Var(&f.collectors, "ipfix", "collector of flow records (IPFIX), as in udp://192.0.2.1:4739 or tcp://192.0.2.1:4739; UDP without a scheme (repeatable)")
	flags.Var((*spanValue)(&f.active), "ipfix-active", "how often a flow that goes on has a record")
	flags.BoolVar(&f.process, "ipfix-process", false, "put the name of the process behind a flow into its record")
}

// checkUnused refuses flags that mean nothing without --ipfix. A variable may be set for
// other instances.
func (f *ipfixFlags) checkUnused() error {
	if len(f.collectors) > 0 {
		return nil
	}
	for _, name := range [...]string{"ipfix-active", "ipfix-process"} {
		if flag := f.flags.Lookup(name); flag.Changed && flag.Annotations[fromVariable] == nil {
			return usagef("--%s works only with --ipfix: add --ipfix udp://192.0.2.1:4739", name)
		}
	}
	return nil
}

// exporter returns an exporter of the tracker's flows, nil without a collector. status
// returns the tracker's latest state.
func (f *ipfixFlags) exporter(t *tracker.Tracker, status func() *flow.Snapshot, log *slog.Logger) (*ipfix.Exporter, error) {
	if len(f.collectors) == 0 {
		return nil, nil
	}
	o := ipfix.Options{
		Source: t, Collectors: f.collectors, Active: f.active, Process: f.process, Log: log,
		Domain: observationDomain(t.Named()),
		Interfaces: func() []flow.Interface {
			if s := status(); s != nil {
				return s.Interfaces
			}
			return nil
		},
	}
	if translations, ok := t.Translations(); ok {
		o.NAT = translations
	}
	e := ipfix.New(o)
	if !t.CountsOctets() {
		log.Warn("flow records have octets without padding only roughly: the tracker was begun without --ipfix: ctop down, and serve again")
	}
	if t.Joined() {
		if err := e.Begin(); err != nil {
			return nil, err
		}
	}
	e.Start()
	return e, nil
}

// observationDomain returns a number for the tracker of some interfaces, the same every
// time: a collector may hear of several trackers of a machine.
func observationDomain(interfaces []string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.Join(interfaces, " "))) // it never fails
	return h.Sum32()
}

// collectorsValue takes one collector each time it is set, or several separated by commas.
type collectorsValue []ipfix.Address

func (v *collectorsValue) Type() string { return "ADDR" }

func (v *collectorsValue) String() string {
	var all []string
	for _, a := range *v {
		all = append(all, a.String())
	}
	return strings.Join(all, ",")
}

// Set adds collectors.
func (v *collectorsValue) Set(s string) error {
	for one := range strings.SplitSeq(s, ",") {
		a, err := ipfix.ParseAddress(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		*v = append(*v, a)
	}
	return nil
}
