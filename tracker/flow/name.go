package flow

// NameSource says where a server's name comes from.
type NameSource uint8

// The sources of names that are read from traffic.
const (
	// NameSNI is the name that the client asked for, in TLS or QUIC.
	NameSNI NameSource = iota + 1
	// NameSNIOuter is the same where the client offered to hide the name: it may be that
	// of whoever hides the server.
	NameSNIOuter
	// NameDNS is the name by which the client had found the address.
	NameDNS
	numNameSources
)

var nameSources = [numNameSources]string{NameSNI: "sni", NameSNIOuter: "sni?", NameDNS: "dns"}

// String returns the source's name in all outputs.
func (s NameSource) String() string {
	if s < numNameSources {
		return nameSources[s]
	}
	return ""
}

// NameSources returns all sources.
func NameSources() []NameSource { return all(numNameSources)[NameSNI:] }

// ServerName is the name of a flow's server, as the traffic had it. Several flows may
// share one, which must not be changed.
type ServerName struct {
	Name   string
	Source NameSource
}

// Naming is what was read of the traffic for names.
type Naming struct {
	// Hellos are those of TLS and QUIC that were read, Named those of them with a name.
	Hellos, Named uint64
	// Answers are those of DNS with addresses, Addresses how many have a name now.
	Answers   uint64
	Addresses int
	// OverBudget packets were not looked at since there were too many in a second, NoRoom
	// since they were not read fast enough. Dropped flows gave way to others before their
	// hello or their answer was complete.
	OverBudget, NoRoom, Dropped uint64
}

// Lost returns how many packets and flows were not read.
func (n *Naming) Lost() uint64 { return n.OverBudget + n.NoRoom + n.Dropped }
