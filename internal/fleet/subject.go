package fleet

import (
	"fmt"
	"regexp"
	"strings"
)

// Space has the subjects of one fleet.
type Space string

// The streams of a hub, the number of bytes that they may take, and of hosts that a fleet may
// have.
const (
	HostsStream = "CTOP_HOSTS"
	HostsBytes  = 32 << 20
	AuditStream = "CTOP_AUDIT"
	AuditBytes  = 256 << 20
	MaxHosts    = 20_000
)

func (s Space) subject(rest string) string { return "ctop.v1." + string(s) + "." + rest }

// Heartbeat is where a host publishes its heartbeats.
func (s Space) Heartbeat(host string) string { return s.subject("hb." + host) }

// Size is where the hub says how many hosts there are.
func (s Space) Size() string { return s.subject("size") }

// Watch is where consoles renew their leases for hosts of earlier versions.
func (s Space) Watch() string { return s.subject("watch") }

// WatchOf is where the consoles of one key renew their leases.
func (s Space) WatchOf(name string) string { return s.subject("watch." + name) }

// Watcher returns the name of the key that a lease is of, by its subject: the server has checked
// it. It is empty in leases for earlier versions.
func (s Space) Watcher(subject string) string {
	name, _ := strings.CutPrefix(subject, s.WatchOf(""))
	if name == subject {
		return ""
	}
	return name
}

// Top is where a host publishes its first rows for a query.
func (s Space) Top(host, query string) string { return s.subject("top." + host + "." + query) }

// Events is where a host publishes what happens, for a query.
func (s Space) Events(host, query string) string { return s.subject("ev." + host + "." + query) }

// Sums is where a host publishes its groups or its summary, for a query.
func (s Space) Sums(host, query string) string { return s.subject("sum." + host + "." + query) }

// Question is where a host is asked.
func (s Space) Question(host string) string { return s.subject("q." + host) }

// Act is where a host receives acts.
func (s Space) Act(host string) string { return s.subject("act." + host) }

// Answer is where a host answers a console. to is what [Space.To] returned.
func (s Space) Answer(host, to string) string { return s.subject("r." + host + "." + to) }

// To names one question of a console.
func To(console, id string) string { return console + "." + id }

// Audit is where a host publishes what became of acts.
func (s Space) Audit(host string) string { return s.subject("audit." + host) }

// Pair is where a host of a pair tells its flows to the other one.
func (s Space) Pair(pair, host string) string { return s.subject("pair." + pair + "." + host) }

// PairHost returns the host that published on a subject of a pair, empty if it has none.
func (s Space) PairHost(subject string) string {
	rest, ours := strings.CutPrefix(subject, s.subject("pair."))
	parts := strings.Split(rest, ".")
	if !ours || len(parts) != 2 {
		return ""
	}
	return parts[1]
}

// Inbox is the prefix for what the server answers.
func (s Space) Inbox(name string) string { return s.subject("in." + name) }

// Host returns the host of a heartbeat's, a top's, an answer's or an audit's subject,
// empty if it has none. The server has checked that the host itself published there.
func (s Space) Host(subject string) string {
	rest, ours := strings.CutPrefix(subject, s.subject(""))
	parts := strings.Split(rest, ".")
	if !ours || len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// All is in place of a host's name in a question to all hosts.
const All = "all"

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

// CheckName returns an error if a text cannot be the name of a host, a console or a fleet.
func CheckName(what, name string) error {
	if !plainName.MatchString(name) {
		return fmt.Errorf("%.80q cannot be the name of %s: use up to 63 letters, digits, - and _", name, what)
	}
	if name == All {
		return fmt.Errorf("%q cannot be the name of %s: it means all hosts: use another one", name, what)
	}
	return nil
}

var plainTo = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}\.[A-Za-z0-9]{8,32}$`)

// validTo reports whether an answer may go there: a name and an id, no other subject.
func validTo(to string) bool { return plainTo.MatchString(to) }
