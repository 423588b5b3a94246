package main

import (
	"errors"
	"strings"
	"testing"

	"ctop/internal/fleet/client"
	"ctop/tracker/flow"
)

// A wrong name of a host is answered with those that are near.
func TestNearNames(t *testing.T) {
	known := []client.Host{{Name: "edge-1"}, {Name: "edge-2"}, {Name: "gw"}, {Name: "berlin-core"}}
	for wrong, want := range map[string]string{
		"edge1": "perhaps edge-1 or edge-2; ", "egde-2": "perhaps edge-2; ", "edge-": "perhaps edge-1 or edge-2; ",
		"berlin*": "perhaps berlin-core; ", "nothing": "ctop fleet hosts lists them", "": "perhaps gw; ",
	} {
		if got := nearNames(wrong, known); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q", wrong, got)
		}
	}
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"", "ab"}: 2, {"abc", "abd"}: 1, {"abcd", "bd"}: 2, {"kitten", "sitting"}: 3} {
		if got := distance(pair[0], pair[1]); got != want || distance(pair[1], pair[0]) != want {
			t.Errorf("%q: %d", pair, got)
		}
	}
	for text, want := range map[string]int{"on:a": 1, "proto:tcp on:a* on:b,c": 2, "(on:a or on:b)": 2, "!on:a": 0, "icon:a": 0} {
		if got := len(onTerms.FindAllString(text, -1)); got != want {
			t.Errorf("%q: %d terms", text, got)
		}
	}
}

// A word that is no port is a wrong command line, as a wrong address is.
func TestAddressWithoutAPort(t *testing.T) {
	var usage *flow.UsageError
	for _, text := range []string{"foo", "127.0.0.1:foo", ":99999", "127.0.0.1:", "1:2:3"} {
		if _, err := localAddress("listen", text); !errors.As(err, &usage) || !strings.Contains(err.Error(), "127.0.0.1:2222") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"4222", ":4222", "[::1]:4222", "127.0.0.1:0"} {
		if _, err := localAddress("listen", text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
