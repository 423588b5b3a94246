package filter

import "testing"

func TestFinished(t *testing.T) {
	for text, want := range map[string]string{
		"tcp": "tcp", "tcp sta": "tcp ", "tcp state": "tcp ", "state:": "", "!po": "", "tcp !": "tcp ", "s": "", "80": "80", "tcp port": "tcp ", "tcp src port 4": "tcp src port 4", "not": "", "port (80 or ": "port (80 )", "10.0.": "", "tcp and not ": "tcp ", "proto:t": "", "web": "web", "tcp&&": "tcp",
		"tcp or": "tcp ", "tcp or sta": "tcp ", "(tcp": "(tcp)", "(tcp or ": "(tcp )", "rate>": "", "rate>1": "rate>1",
		"state:xyz": "state:xyz", "tcp proto:q": "tcp proto:q", "(tcp)": "(tcp)", "(tcp) or (udp": "(tcp) or (udp)", "tcp) or (udp": "tcp) or (udp)",
		"dport:80,": "dport:80", "tcp not ": "tcp ", "tcp (": "tcp ", "!reply": "!reply", "!rep": "",
	} {
		if got := Finished(text); got != want {
			t.Errorf("Finished(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestComplete(t *testing.T) {
	for text, want := range map[string]string{
		"st": "state:", "tcp sp": "tcp sport:", "!st": "!state:", "s": "s", "state:tim": "state:time_wait",
		"state:new,fin": "state:new,fin_wait_", "proto:icmpv": "proto:icmpv6", "xyz": "xyz", "(pinn": "(pinned", "port:4": "port:4",
		"re": "re",
	} {
		if got, _ := Complete(text); got != want {
			t.Errorf("Complete(%q) = %q, want %q", text, got, want)
		}
	}
}
