package main

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// Collectors add up, and what means nothing without one is refused without.
func TestIPFIXFlags(t *testing.T) {
	var f ipfixFlags
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.register(flags)
	if f.active != time.Minute || f.process {
		t.Errorf("%+v", f)
	}
	if err := flags.Set("ipfix-active", "0s"); err == nil {
		t.Error("flows may have records all the time")
	}
	if err := flags.Set("ipfix-active", "2m"); err != nil || f.active != 2*time.Minute {
		t.Errorf("%s, %v", f.active, err)
	}
	if err := f.checkUnused(); err == nil {
		t.Error("--ipfix-active is taken without --ipfix")
	}
	flags.Lookup("ipfix-active").Annotations = map[string][]string{fromVariable: {"2m"}}
	if err := f.checkUnused(); err != nil {
		t.Errorf("of a variable: %v", err)
	}
	for _, s := range []string{"192.0.2.1, tcp://[2001:db8::1]", "udp://flows.example:9995"} {
		if err := flags.Set("ipfix", s); err != nil {
			t.Error(err)
		}
	}
	if s := f.collectors.String(); s != "udp://192.0.2.1:4739,tcp://[2001:db8::1]:4739,udp://flows.example:9995" {
		t.Error(s)
	}
	if err := flags.Set("ipfix", "sctp://192.0.2.1"); err == nil {
		t.Error("sctp is taken")
	}
}

// Trackers of a machine have different domains, each the same every time.
func TestObservationDomain(t *testing.T) {
	a, b := observationDomain([]string{"eth0"}), observationDomain([]string{"eth0", "eth1"})
	if a == b || a != observationDomain([]string{"eth0"}) {
		t.Errorf("%d, %d", a, b)
	}
}
