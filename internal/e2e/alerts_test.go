package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service tells when an alert of its configuration begins and ends, without a console.
func TestServeAlerts(t *testing.T) {
	s := newServing(t)
	file := filepath.Join(s.state, "ctop", "config.toml")
	if err := os.WriteFile(file, []byte("[alert.pings]\nfilter = \"icmp host:"+s.Server.Addr4().String()+"\"\n[alert.flood]\nfilter = \"icmp\"\nrate = \"50G\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.command("--timeout", "icmp=1s")
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+s.state)
	s.start(cmd)
	s.eventually("the alert begins", func() bool {
		s.forwards() // the flow must be there when the table is read
		return strings.Contains(s.log.String(), `msg="an alert begins" alert=pings filter="icmp host:`)
	})
	s.eventually("the alert ends", func() bool { return strings.Contains(s.log.String(), `msg="an alert ends" alert=pings`) })
	if n := s.metric(`ctop_alerts_total{alert="pings"}`); n < 1 {
		t.Errorf("it began %g times by the metric", n)
	}
	if s.metric(`ctop_alert_active{alert="flood"}`) != 0 || strings.Contains(s.log.String(), "alert=flood") {
		t.Error("the other one holds")
	}
	s.stop()
}
