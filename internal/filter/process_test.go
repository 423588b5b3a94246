package filter

import (
	"testing"

	"ctop/tracker/flow"
)

// TestProcessTerms has filters about the process behind a flow. What is not known, or
// not certain, matches none.
func TestProcessTerms(t *testing.T) {
	known := flow.Flow{Holding: flow.Holding{Process: &flow.Process{
		PID: 812, Name: "Web Content", User: "www-data", Unit: "nginx.service", Container: "0a1b2c3d4e5f",
	}}}
	unknown, listens := flow.Flow{}, known
	listens.Holding.Listens = true
	for text, want := range map[string]bool{
		"process:Web*": true, "process:Web*Content": true, "process:*Content": true, "process:*b*t*": true, "process:*": true,
		"process:Web": false, "process:*Web": false, "process:*tent*tent": false,
		"pid:812": true, "pid:81": false, "pid>800": true, "user:www-data": true, "user:root": false,
		"unit:nginx.service": true, "unit:nginx": false, "container:0a1b2c3d4e5f": true, "container:0a*": true,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Match(&known); got != want {
			t.Errorf("%s matches: %t", text, got)
		}
		if f.Match(&unknown) || f.Match(&listens) {
			t.Errorf("%s matches a flow whose process is not certain", text)
		}
	}
}
