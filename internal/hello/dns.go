package hello

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Question is what a message of DNS asks for.
type Question struct {
	// ID is the number of the message.
	ID uint16
	// Name is the name that is asked for, empty if it is none of a host.
	Name string
	Type dnsmessage.Type
}

// Answer is what a message of DNS says of addresses.
type Answer struct {
	Question
	// Addresses are those of the name, also by way of aliases.
	Addresses []netip.Addr
	// TTL is how long that holds: the shortest of all.
	TTL time.Duration
}

const (
	// mostRecords is how many records of an answer are read, mostAliases how many
	// aliases lead to an address.
	mostRecords = 64
	mostAliases = 8
)

// ReadDNS reads a message of DNS in a datagram. isAnswer is set if it answers without an
// error; ok is false if it cannot be read, or has another number of questions than one.
func ReadDNS(b []byte) (a Answer, isAnswer, ok bool) {
	m, ok := readMessage(b)
	if a.Question = m.Question; !ok || !m.response {
		return a, false, ok
	}
	if m.failed {
		return a, false, false
	}
	a, ok = m.answer()
	return a, true, ok
}

// message is a message of DNS up to its question.
type message struct {
	Question
	parser dnsmessage.Parser
	asked  dnsmessage.Name
	// response is set if it answers, and failed if it says why it does not.
	response, failed bool
}

// readMessage reads a message up to its question, of which it has one.
func readMessage(b []byte) (m message, ok bool) {
	head, err := m.parser.Start(b)
	if err != nil || head.OpCode != 0 {
		return m, false
	}
	q, err := m.parser.Question()
	if err != nil || q.Class != dnsmessage.ClassINET {
		return m, false
	}
	if _, err := m.parser.Question(); err != dnsmessage.ErrSectionDone { //nolint:errorlint // it is returned as it is
		return m, false
	}
	m.Question = Question{ID: head.ID, Name: hostName(q.Name.Data[:q.Name.Length]), Type: q.Type}
	m.asked, m.response, m.failed = q.Name, head.Response, head.RCode != dnsmessage.RCodeSuccess
	return m, true
}

// answer reads the rest of an answer. It reports whether that is possible.
func (m *message) answer() (a Answer, ok bool) {
	a.Question = m.Question
	return a, a.addresses(&m.parser, m.asked)
}

// record is a record of an answer: an alias, or an address.
type record struct {
	owner, alias string
	address      netip.Addr
	ttl          uint32
}

// addresses reads the records of an answer. It reports whether that is possible.
func (a *Answer) addresses(p *dnsmessage.Parser, asked dnsmessage.Name) bool {
	var list []record
	for range mostRecords {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone { //nolint:errorlint // it is returned as it is
			break
		}
		if err != nil {
			return false
		}
		r, known, err := readRecord(p, h)
		if err != nil {
			return false
		}
		if known {
			list = append(list, r)
		}
	}
	a.follow(list, fold(asked))
	return true
}

// fold returns a name by which names are compared.
func fold(n dnsmessage.Name) string { return strings.ToLower(n.String()) }

// readRecord reads a record. known is false if it is neither an alias nor an address.
func readRecord(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) (r record, known bool, err error) {
	r = record{owner: fold(h.Name), ttl: h.TTL}
	if h.Class != dnsmessage.ClassINET {
		return r, false, p.SkipAnswer()
	}
	switch h.Type {
	case dnsmessage.TypeA:
		content, err := p.AResource()
		r.address = netip.AddrFrom4(content.A)
		return r, true, err
	case dnsmessage.TypeAAAA:
		content, err := p.AAAAResource()
		r.address = netip.AddrFrom16(content.AAAA)
		return r, true, err
	case dnsmessage.TypeCNAME:
		content, err := p.CNAMEResource()
		r.alias = fold(content.CNAME)
		return r, true, err
	}
	return r, false, p.SkipAnswer()
}

// follow takes the addresses of the name that was asked for and of its aliases. Others say
// nothing of it.
func (a *Answer) follow(list []record, name string) {
	shortest := ^uint32(0)
	for range mostAliases {
		next := ""
		for _, r := range list {
			switch {
			case r.owner != name:
			case r.alias != "":
				next, shortest = r.alias, min(shortest, r.ttl)
			default:
				a.Addresses = append(a.Addresses, r.address)
				shortest = min(shortest, r.ttl)
			}
		}
		if next == "" || len(a.Addresses) > 0 {
			break
		}
		name = next
	}
	a.TTL = time.Duration(shortest) * time.Second
}
