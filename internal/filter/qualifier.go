package filter

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"ctop/tracker/flow"
)

// qualifier is the part of a tcpdump primitive before its value (pcap-filter(7)):
// [protocol] [src dst] [host net port portrange proto].
type qualifier struct {
	// protocol is the condition for the protocol, nil if none is given.
	protocol term
	need     need
	// way is the direction: empty, src, dst, or both of them with "and" or
	// "or".
	way  string
	kind string
	// at and text are its offset and text.
	at   int
	text string
}

// isProtocol reports whether a word is a protocol or an address family.
func isProtocol(word string) bool {
	_, ok := flow.ProtocolNamed(word)
	return ok && !oneOf(word, "ipv6") || oneOf(word, "ip", "ip6")
}

func isWay(word string) bool  { return oneOf(word, "src", "dst") }
func isKind(word string) bool { return oneOf(word, "host", "net", "port", "portrange", "proto") }

// isQualifier reports whether a word can precede a value.
func isQualifier(word string) bool { return isWay(word) || isKind(word) }

// qualified parses a term that starts with a qualifier.
func (p *parser) qualified() (term, error) {
	first := p.tokens[0]
	q := &qualifier{at: first.at}
	if isProtocol(first.text) {
		p.next()
		q.protocol, q.need = protocolTerm(first.text), protocolNeed("", first.text)
		if !isQualifier(p.peek()) {
			p.last = nil
			p.note(protocolNeed("", first.text), true)
			return q.protocol, p.checkLone(first)
		}
	}
	q.way = p.way()
	if isKind(p.peek()) {
		q.kind = strings.ToLower(p.next().text)
	}
	q.text = strings.TrimSpace(p.text[first.at:p.at()])
	if err := p.checkQualifier(q, first); err != nil {
		return nil, err
	}
	p.last = q
	return p.values(q)
}

// checkLone refuses a protocol followed by a number that would be misread.
func (p *parser) checkLone(protocol token) error {
	next := p.peek()
	if oneOf(protocol.text, "icmp", "icmp6", "icmpv6") && startsWithDigit(next) && !isAddress(next) {
		return p.fail(p.at(), "%s after %s may be a type or an id: write icmp:%[1]s for the type, #%[1]s for the id", next, protocol.text)
	}
	if strings.HasPrefix(next, "[") && !isAddress(next) {
		return p.noBytes(p.at(), protocol.text+next)
	}
	return nil
}

// way parses "src", "dst", "src or dst" and "src and dst".
func (p *parser) way() string {
	if !isWay(p.peek()) {
		return ""
	}
	way := strings.ToLower(p.next().text)
	other := strings.ToLower(p.peekAt(1))
	if joint := p.peek(); isJoint(joint) && isWay(other) && other != way {
		p.next()
		p.next()
		if isAnd(joint) {
			return "both"
		}
		return ""
	}
	return way
}

func (p *parser) checkQualifier(q *qualifier, first token) error {
	switch protocol, _ := flow.ProtocolNamed(first.text); {
	case q.protocol == nil || oneOf(first.text, "ip", "ip6"):
	case strings.HasPrefix(q.kind, "port") && !protocol.HasPorts():
		return p.fail(q.at, "flows of %s have no ports here", first.text)
	case q.kind == "proto":
		return p.fail(q.at, "%s is a protocol already: write proto tcp, ip proto tcp or ip6 proto tcp", first.text)
	}
	if q.way != "" && q.kind == "proto" {
		return p.fail(q.at, "a protocol has no direction: write proto tcp")
	}
	return nil
}

// values parses the part after a qualifier: a value, several in parentheses, or
// a negated one.
func (p *parser) values(q *qualifier) (term, error) {
	if p.depth++; p.depth > deepest {
		return nil, p.fail(p.at(), "too many things inside each other")
	}
	defer func() { p.depth-- }()
	next, at := p.peek(), p.at()
	switch {
	case isNot(next):
		p.next()
		inner, err := p.values(q)
		p.need = nil
		return not(inner), err
	case next == "(":
		p.next()
		return p.valuesInside(q, at)
	case comparisonAt(next) != "":
		op := p.next().text
		if !isValue(p.peek()) {
			break
		}
		return p.value(q, strings.Replace(op, "==", "=", 1))
	case isValue(next):
		return p.value(q, ":")
	}
	return nil, p.missing(q.at, "%s needs a value, as in %s", q.text, q.example())
}

// valuesInside parses "80 or 443)".
func (p *parser) valuesInside(q *qualifier, at int) (term, error) {
	all, err := p.values(q)
	for err == nil && p.peek() != ")" {
		joint := p.peek()
		if !isJoint(joint) {
			return nil, p.fail(at, "there is no ) for this (")
		}
		p.next()
		var one term
		before := p.need
		one, err = p.values(q)
		if isAnd(joint) {
			all, p.need = and(all, one), before.both(p.need)
		} else {
			all, p.need = or(all, one), before.either(p.need)
		}
	}
	p.skip()
	return all, err
}

// value parses one value, or a list, and returns its term.
func (p *parser) value(q *qualifier, op string) (term, error) {
	word := p.next()
	value := word.text
	if q.kind == "net" && oneOf(p.peek(), "mask") && isValue(p.peekAt(1)) {
		p.next()
		masked, err := maskedNet(value, p.tokens[0].text)
		if err != nil {
			return nil, p.fail(p.at(), "net: %s", err)
		}
		p.next()
		value = masked
	}
	ends := [][]end{{source, destination}}
	switch q.way {
	case "src":
		ends = [][]end{{source}}
	case "dst":
		ends = [][]end{{destination}}
	case "both":
		ends = [][]end{{source}, {destination}}
	}
	all := q.protocol
	for _, of := range ends {
		one, bad, err := p.reader(q, of)(op, value)
		if err != nil {
			return nil, p.badValue(q.text, value, word.at+bad, false, err)
		}
		if all != nil {
			one = and(all, one)
		}
		all = one
	}
	p.note(q.need.both(q.valuesNeed(op, value)), true)
	return all, nil
}

// valuesNeed returns the need of values after the qualifier.
func (q *qualifier) valuesNeed(op, values string) need {
	switch q.kind {
	case "port", "portrange":
		return valuesNeed(op, values, portNeed)
	case "proto":
		return valuesNeed(op, values, protocolNeed)
	}
	return valuesNeed(op, values, addressNeed)
}

// reader returns the parser for values of a qualifier.
func (p *parser) reader(q *qualifier, of []end) func(op, value string) (term, int, error) {
	switch q.kind {
	case "port", "portrange":
		return number(readPort, ports(of)...)
	case "proto":
		return among(func(value string) (term, error) { return readProto(strings.TrimPrefix(value, `\`)) })
	case "net":
		return among(func(value string) (term, error) {
			if net, err := readNet(value); err == nil {
				return inPrefix(net, of), nil
			}
			if err := checkNet(value); err != nil {
				return nil, err
			}
			return p.readHosts(of)(value)
		})
	case "host":
		return among(p.readHosts(of))
	}
	return among(func(value string) (term, error) {
		if _, err := readPort(value); err == nil {
			return nil, fmt.Errorf("%s is not an address: write port before a port, as in %s port %s", value, q.text, value)
		}
		return p.readHosts(of)(value)
	})
}

func (q *qualifier) example() string {
	switch q.kind {
	case "port":
		return q.text + " 443"
	case "portrange":
		return q.text + " 1-1023"
	case "net":
		return q.text + " 10.0.0.0/8"
	case "proto":
		return q.text + " tcp"
	}
	return q.text + " 10.0.0.1"
}

// readNet parses a network. Missing parts are zero: both 10 and 10/8 mean
// 10.0.0.0/8.
func readNet(value string) (netip.Prefix, error) {
	head, bits, given := strings.Cut(value, "/")
	if _, err := readPort(head); err == nil && !given {
		return netip.ParsePrefix(starred(head + "."))
	}
	if dots := strings.Count(head, "."); given && dots < 3 && !strings.Contains(head, ":") {
		return netip.ParsePrefix(head + strings.Repeat(".0", 3-dots) + "/" + bits)
	}
	return netip.Prefix{}, errors.New("not short")
}

// checkNet returns an error for a network with host bits set, as tcpdump does.
func checkNet(value string) error {
	if p, err := netip.ParsePrefix(value); err == nil && p.Masked() != p {
		return fmt.Errorf("%s has bits beyond its prefix: write net %s, or host %s", value, p.Masked(), p.Addr())
	}
	return nil
}

// maskedNet parses "10.0.0.0 mask 255.0.0.0" and returns 10.0.0.0/8.
func maskedNet(value, mask string) (string, error) {
	a, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() {
		return "", fmt.Errorf("%q is not a mask: write it like 255.255.0.0", mask)
	}
	bits := 0
	for _, b := range a.As4() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	whole := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), bits).Masked().Addr()
	if whole != a {
		return "", fmt.Errorf("%q is not a mask of a prefix: write it like 255.255.0.0", mask)
	}
	return fmt.Sprintf("%s/%d", value, bits), nil
}
