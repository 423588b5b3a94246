package ipfix

import "ctop/tracker/flow"

// The ids of templates. Those below 256 are sets (RFC 7011 3.3.2).
const (
	setTemplates       = 2
	setOptionTemplates = 3

	templateFlows       = 256 // and the following: see templateOf
	templateReliability = 300
	templateElements    = 301
)

// template is how the records of one kind of flow are made.
type template struct {
	id       uint16
	elements []element
}

// The bits of a template's number.
const (
	templateICMP = 1 << iota
	templateIPv6
	numTemplates = 1 << iota
)

// The kinds of flows that are translated, behind those of others: as the kinds of these, once
// for those whose first packet came in, and was translated then, and once for those whose
// first packet went out, so that answers are translated then.
const (
	translatedIn  = numTemplates
	translatedOut = 2 * numTemplates
	allTemplates  = 3 * numTemplates
)

// newTemplates returns the templates of flows, also of translated ones. Their ids differ
// with the options, so that a collector that remembers others is not misled.
func newTemplates(process, translated bool) []template {
	all := make([]template, numTemplates, allTemplates)
	if translated {
		all = all[:allTemplates]
	}
	for n := range all {
		icmp, v6 := n&templateICMP != 0, n&templateIPv6 != 0
		t := template{id: templateID(n, process)}
		t.elements = append(t.elements, firstElements()...)
		t.elements = append(t.elements, addresses(v6)...)
		t.elements = append(t.elements, ends(v6, icmp)...)
		t.elements = append(t.elements, counters()...)
		t.elements = append(t.elements, place()...)
		t.elements = append(t.elements, ownElements()...)
		if n >= translatedIn {
			t.elements = append(t.elements, otherEnds(v6, icmp, n >= translatedOut)...)
		}
		if process {
			t.elements = append(t.elements, processElement())
		}
		all[n] = t
	}
	return all
}

// templateID returns the id of a template.
func templateID(n int, process bool) uint16 {
	first, kinds := templateFlows, numTemplates
	if n >= numTemplates {
		first, kinds = templateFlows+numTemplates, allTemplates-numTemplates
	}
	if process {
		first += kinds
	}
	return uint16(first + n)
}

// templateOf returns the number of the template for a tuple.
func templateOf(t *flow.Tuple) (n int) {
	if t.Proto.HasICMP() {
		n |= templateICMP
	}
	if !t.Src.Addr().Is4() {
		n |= templateIPv6
	}
	return n
}

// put writes a data record.
func (t *template) put(b []byte, r *record) []byte {
	for i := range t.elements {
		b = t.elements[i].put(b, r)
	}
	return b
}

// describe writes the template record (RFC 7011 3.4.1).
func (t *template) describe(b []byte) []byte {
	b = put16(put16(b, t.id), uint16(len(t.elements)))
	for i := range t.elements {
		b = t.elements[i].specify(b)
	}
	return b
}

// specify writes a field specifier (RFC 7011 3.2).
func (e *element) specify(b []byte) []byte {
	const enterprise = 1 << 15
	if e.enterprise == 0 {
		return put16(put16(b, e.id), e.length)
	}
	return put32(put16(put16(b, e.id|enterprise), e.length), e.enterprise)
}

// optionTemplate writes an options template record (RFC 7011 3.4.2.2). The first fields
// are its scope.
func optionTemplate(b []byte, id uint16, scopes int, fields ...element) []byte {
	b = put16(put16(put16(b, id), uint16(len(fields))), uint16(scopes))
	for i := range fields {
		b = fields[i].specify(b)
	}
	return b
}

// describeReliability writes the template of what was not sent (RFC 7011 4.3).
func describeReliability(b []byte) []byte {
	return optionTemplate(b, templateReliability, 1,
		iana(144, 4, nil),                                       // exportingProcessId
		iana(166, 8, nil), iana(167, 8, nil), iana(168, 8, nil)) // notSent{Flow,Packet,Octet}TotalCount
}

// describeElements writes the template by which elements are described (RFC 5610 3.9).
func describeElements(b []byte) []byte {
	return optionTemplate(b, templateElements, 2,
		iana(346, 4, nil), iana(303, 2, nil), // privateEnterpriseNumber, informationElementId
		iana(339, 1, nil), iana(344, 1, nil), iana(345, 2, nil), // data type, semantics, units
		iana(341, variable, nil), iana(340, variable, nil)) // name, description
}

// putText writes a string of variable length (RFC 7011 7).
func putText(b []byte, s string) []byte {
	s = s[:min(len(s), shortString)]
	return append(append(b, byte(len(s))), s...)
}

// descriptions returns a data record for each element of ctop in the templates.
func descriptions(all []template) (records [][]byte) {
	known := map[uint16]bool{}
	for _, t := range all {
		for _, e := range t.elements {
			if e.enterprise != Enterprise || known[e.id] {
				continue
			}
			known[e.id] = true
			b := put16(put32(nil, e.enterprise), e.id)
			b = put16(append(b, e.kind.dataType, e.kind.semantics), e.unit)
			records = append(records, putText(putText(b, e.name), e.description))
		}
	}
	return records
}
