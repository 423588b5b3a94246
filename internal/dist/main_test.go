package main

import "testing"

func TestVersionOf(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3-0-g0123456789ab": "1.2.3", "v1.2.3-45-g0123456789ab": "1.2.3+45.g0123456789ab",
	} {
		if got, err := versionOf(described); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", described, got, err, want)
		}
	}
	if got, err := versionOf("v1.2.3-rc1-0-g0123456789ab"); err == nil {
		t.Errorf("a tag that does not sort is %s", got)
	}
}
