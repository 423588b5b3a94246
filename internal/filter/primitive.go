package filter

import (
	"fmt"
	"strings"

	"ctop/tracker/flow"
)

// primitive parses one term: a field with a value, a tcpdump expression, a flag
// or state, a text, or a value without a keyword.
func (p *parser) primitive() (term, error) {
	word, before := p.tokens[0], p.before
	p.before = ""
	if text, ok := strings.CutPrefix(word.text, "~"); ok {
		p.next()
		p.last = nil
		return p.search(word, text)
	}
	if asksForBytes(word.text) {
		return nil, p.noBytes(word.at, word.text)
	}
	name, op, value := split(word.text)
	if f, ok := fieldNamed(name); ok && op != "" {
		p.next()
		p.last = nil
		return p.field(f, word, op, value)
	}
	if op == "" && (isProtocol(name) || isQualifier(name)) {
		return p.qualified()
	}
	lower := strings.ToLower(word.text)
	if holds, ok := wordTerm(lower); ok {
		if f, flag := flagNamed(lower); flag {
			p.use(f.Name, word)
		}
		p.next()
		p.last = nil
		return holds, nil
	}
	if f, ok := fieldNamed(lower); ok {
		p.next()
		p.last = nil
		return p.spaced(f, word)
	}
	name = strings.ToLower(name)
	if instead, ok := notOfFlows[name]; ok {
		return nil, p.fail(word.at, "%s asks for what a flow does not have: %s", name, instead)
	}
	return p.bare(before)
}

// use notes a field that the filter has.
func (p *parser) use(name string, word token) {
	p.searches = p.searches || name == "name"
	p.uses = append(p.uses, place{name, p.column(word.at)})
}

// search reads a text that is to be found.
func (p *parser) search(word token, text string) (term, error) {
	if text == "" {
		return nil, p.missing(word.at, "~ needs a text, as in ~10.0")
	}
	p.searches = true
	return contains(text), nil
}

// field parses the value of a field whose operator is in the same word.
func (p *parser) field(f Field, word token, op, value string) (term, error) {
	p.use(f.Name, word)
	at := word.at + len(word.text) - len(value)
	if value == "" {
		next := p.peek()
		if op == ":" || !isValue(next) {
			return nil, p.needsValue(f, word)
		}
		at = p.at()
		value = p.next().text
	}
	return p.compare(f, op, value, at)
}

// spaced parses a field's value, or a comparison, from the following words.
func (p *parser) spaced(f Field, word token) (term, error) {
	p.use(f.Name, word)
	op := ":"
	switch next := strings.ToLower(p.peek()); {
	case comparisonAt(next) != "":
		op = p.next().text
	case next == "greater":
		p.next()
		op = ">="
	case next == "less":
		p.next()
		op = "<="
	case f.alone() != nil && !startsWithDigit(next):
		p.note(nil, true)
		return f.alone(), nil
	}
	if !isValue(p.peek()) {
		return nil, p.needsValue(f, word)
	}
	at := p.at()
	return p.compare(f, op, p.next().text, at)
}

func startsWithDigit(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

func (p *parser) needsValue(f Field, word token) error {
	return p.missing(word.at, "%s needs a value, as in %s", f.Name, f.Form)
}

// compare returns the term for a field, an operator and a value.
func (p *parser) compare(f Field, op, value string, at int) (term, error) {
	if op == "==" {
		op = "="
	}
	read := f.read
	if ends := f.hosts(); ends != nil {
		read = among(p.readHosts(ends))
	}
	if isSide(f.Name) {
		read = among(p.readSide(f.Name))
	}
	holds, bad, err := read(op, value)
	if err != nil {
		return nil, p.badValue(f.Name, value, at+bad, f.begins(value[bad:]), err)
	}
	p.note(fieldNeed(f.Name, op, value))
	p.ended = p.ended || f.wantsEnded(value)
	if f.counts() {
		p.before = f.Name
	}
	if f.Name == onInterface {
		for name := range strings.SplitSeq(value, ",") {
			p.interfaces = append(p.interfaces, place{name, p.column(at)})
			at += len(name) + 1
		}
	}
	return holds, nil
}

// badValue returns the error for an invalid value. With begun, the value may be
// incomplete if no token follows.
func (p *parser) badValue(of, value string, at int, begun bool, err error) error {
	begun = (begun || strings.HasSuffix(value, ",") || isHalfAddress(value)) && len(p.tokens) == 0
	return &Error{Column: p.column(at), Problem: fmt.Sprintf("%s: %s", of, err), begun: begun}
}

// isHalfAddress reports whether a text may be an incomplete address.
func isHalfAddress(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF.:/[]") == "" && strings.ContainsAny(s, ".:[")
}

// wordTerm returns the term for a flag, a state or an ICMP request, given in
// lower case.
func wordTerm(word string) (term, bool) {
	if f, ok := flagNamed(word); ok {
		if holds := changeTerm(f); holds != nil {
			return holds, true
		}
		return func(s subject) bool { return f.Holds(s.flow) }, true
	}
	for _, s := range flow.States() {
		if strings.EqualFold(s.String(), word) {
			holds, err := readState(word)
			return holds, err == nil
		}
	}
	if contained(icmpNames(), word) {
		holds, err := readICMP(word)
		return holds, err == nil
	}
	return nil, false
}

// isValue reports whether a token can be a value: it is not empty and not a
// keyword.
func isValue(word string) bool {
	if word == "" || markAt(word) != "" || comparisonAt(word) != "" || isJoint(word) || isNot(word) || word[0] == '~' {
		return false
	}
	name, op, _ := split(word)
	_, isField := fieldNamed(name)
	return !isField || op == "" && isProtocol(word)
}

// notOfFlows maps words of tcpdump that test properties of packets to
// suggestions.
var notOfFlows = map[string]string{
	"greater": "write bytes>=1000, packets>=10 or rate>=1M", "less": "write bytes<=1000, packets<=10 or rate<=1M",
	"len": "write bytes>=1000, packets>=10 or rate>=1M", "length": "write bytes>=1000, packets>=10 or rate>=1M",
	"arp": "only IP is tracked", "rarp": "only IP is tracked", "lldp": "only IP is tracked",
	"ether": "addresses of Ethernet are not kept: write host 10.0.0.1", "link": "addresses of Ethernet are not kept: write host 10.0.0.1",
	"gateway":   "addresses of Ethernet are not kept: write host 10.0.0.1",
	"broadcast": "write dst 255.255.255.255", "multicast": "write dst net 224.0.0.0/4 or dst net ff00::/8",
	"inbound": "write if:eth0 for the interface of the first packet", "outbound": "write if:eth0 for the interface of the first packet",
	"ifname": "write if:eth0 for the interface of the first packet", "on": "write if:eth0 for the interface of the first packet",
	"protochain": "write proto:tcp", "mpls": "labels are not kept",
	"ipv6": "write ip6 for all of IPv6, proto:41 for IPv6 inside IP", "ipv4": "write ip for all of IPv4, proto:4 for IPv4 inside IP",
}
