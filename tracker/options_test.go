package tracker

import (
	"errors"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// Interfaces that cannot be, and what does not go with watching them, are wrong command
// lines.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Interfaces: []string{"a", "b"}}, ""},
		{Options{Interfaces: []string{"a", "b"}, Mode: flow.ModeNative, Checksums: true}, ""},
		{Options{}, "name two interfaces"},
		{Options{Interfaces: []string{"a"}}, "name two interfaces"},
		{Options{Interfaces: []string{"a", "b", "c"}}, "name two interfaces"},
		{Options{Interfaces: []string{"a", ""}}, "name two interfaces"},
		{Options{Interfaces: []string{"a", "a"}}, "attach to a: it was named twice"},
		{Options{Interfaces: []string{"all"}, Except: []string{"lo"}}, "only a tracker that watches all"},
		{Options{Watch: true}, "name the interfaces to watch"},
		{Options{Watch: true, Interfaces: []string{"a", ""}}, "name the interfaces to watch"},
		{Options{Watch: true, Interfaces: []string{"a"}}, ""},
		{Options{Watch: true, Interfaces: []string{"a", "b", "c"}, Mode: flow.ModeTC}, ""},
		{Options{Watch: true, Interfaces: []string{"a"}, Mode: flow.ModeNative}, "watch in native mode"},
		{Options{Watch: true, Interfaces: []string{"a"}, Checksums: true}, "check checksums while watching"},
		{Options{Watch: true, Interfaces: []string{"a"}, Except: []string{"b"}}, "only a tracker that watches all"},
		{Options{Watch: true, Interfaces: []string{"all"}}, ""},
		{Options{Watch: true, Interfaces: []string{"all"}, Except: []string{"b*"}}, ""},
		{Options{Watch: true, Interfaces: []string{"all"}, Except: []string{"[b"}}, "["},
		{Options{Watch: true, Interfaces: []string{"all", "b"}, Except: []string{"c"}}, "only a tracker that watches all"},
	} {
		err := c.o.checkInterfaces()
		var usage *flow.UsageError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
		if follow := c.o.follow(); (follow != nil) != (c.o.Watch && len(c.o.Interfaces) == 1 && c.o.Interfaces[0] == "all") {
			t.Errorf("%+v follows %+v", c.o, follow)
		}
	}
}
