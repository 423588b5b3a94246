package main

import (
	"fmt"
	"strings"
	"testing"
)

// One command makes the keys of a fleet: a role and names, and more of both.
func TestParseKeys(t *testing.T) {
	for text, want := range map[string]string{
		"host edge-1":                     "[{host edge-1}]",
		"host edge-1 edge-2 operator ann": "[{host edge-1} {host edge-2} {operator ann}]",
		"viewer bob host gw":              "[{viewer bob} {host gw}]",
		"host operator":                   "[{host operator}]",
		"host operator viewer bob":        "[{host operator} {viewer bob}]",
	} {
		if got, err := parseKeys(strings.Fields(text)); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "host", "edge-1 host", "host edge-1 operator", "host edge.1", "host all"} {
		if got, err := parseKeys(strings.Fields(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
