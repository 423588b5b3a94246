package console

import (
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ctop/internal/filter"
	"ctop/ui"
)

// A viewer sees that he is one, is told at the key what he may not do, and that he
// tried is written down.
func TestViewerIsToldAtTheKey(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.vic, "xterm", 80, 24)
	r.shows(s, "veth1")
	r.shows(s, "viewer")
	for i, keys := range []string{"D", "d", "+", "t\r"} {
		r.press(s, keys)
		r.eventually(keys+" is written down", func() bool { return len(r.acts()) == i+1 })
	}
	r.shows(s, "viewer: read only")
	var got []string
	for _, a := range r.acts() {
		if a.Error != "viewer: read only" || a.Done != 0 || a.Comment != "vic@desk" {
			t.Errorf("%+v", a)
		}
		got = append(got, a.Act+" "+strings.Join(a.What, ","))
	}
	flow := []string{"tcp 10.0.0.0:40000 → 192.168.1.10:443", "tcp 10.0.0.1:40000 → 192.168.1.10:443", "tcp 10.0.0.2:40000 → 192.168.1.10:443"}
	want := []string{"delete " + strings.Join(flow, ","), "delete " + flow[0], "flow_timeout " + flow[0], "timeout tcp_syn_sent"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r.press(s, "q")
	_ = r.end(s)
	if r.source.acts() != 0 {
		t.Error("a viewer acted")
	}
	r.serves()
}

// The export key says the command that works there, for everybody.
func TestExportOverSSH(t *testing.T) {
	r := newRig(t, Limits{})
	s := r.open(r.ann, "xterm", 100, 24)
	r.shows(s, "operator")
	r.press(s, "e")
	_, port, _ := net.SplitHostPort(r.addr)
	r.shows(s, "export: ssh -p "+port+" 127.0.0.1 dump -o json >flows.json")
	r.press(s, "q")
	_ = r.end(s)
	r.serves()
}

// What it says survives the client's shell and the server's own words.
func TestExportCommand(t *testing.T) {
	at := &net.TCPAddr{IP: net.ParseIP("::1"), Port: 22}
	for _, text := range []string{"udp", "tcp and not port 443", `~it's`, `~"a\b"`, "~$HOME`x`!", "rate>1M (udp or icmp)"} {
		if _, err := filter.Parse(text); err != nil {
			t.Fatal(err)
		}
		command, ok := strings.CutSuffix(exportCommand(at, ui.ExportFlows, text), " >flows.json")
		if !ok {
			t.Fatal(command)
		}
		out, err := exec.Command("sh", "-c", `ssh() { [ "$1" = ::1 ] && shift; printf %s "$*"; }; `+command).Output()
		if err != nil {
			t.Fatal(err)
		}
		words, err := splitWords(string(out))
		if err != nil || !slices.Equal(words, []string{"dump", "-o", "json", "--filter", text}) {
			t.Errorf("%q: %q, %v", text, words, err)
		}
	}
}
