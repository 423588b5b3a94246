package ipfix

// introduce sends what a collector has to know before it can read records: the templates.
// With them go the descriptions of ctop's elements, and what was not sent. Over TCP the
// first is said once.
func (s *sender) introduce(first bool) error {
	var options []part
	if first || s.to.Network == "udp" {
		if err := s.probe(); err != nil {
			return err
		}
		options = s.descriptions()
	}
	return s.sendAll(append(options, part{templateReliability, s.reliability()}), &s.options)
}

// probe sends the templates of flows.
func (s *sender) probe() error {
	var parts []part
	for i := range s.templates {
		parts = append(parts, part{setTemplates, s.templates[i].describe(nil)})
	}
	return s.sendAll(parts, &s.flows)
}

// part is a record of some set.
type part struct {
	set uint16
	b   []byte
}

// descriptions returns the templates of options, and what ctop's elements are.
func (s *sender) descriptions() []part {
	parts := []part{{setOptionTemplates, describeReliability(nil)}, {setOptionTemplates, describeElements(nil)}}
	for _, b := range descriptions(s.templates) {
		parts = append(parts, part{templateElements, b})
	}
	return parts
}

// reliability returns the record of what was not sent.
func (s *sender) reliability() []byte {
	b := put32(nil, 1) // there is one exporting process
	b = put64(b, s.counts.dropped.Load())
	return put64(put64(b, s.counts.droppedPackets.Load()), s.counts.droppedOctets.Load())
}

// sendAll sends parts of a stream in as few messages as they need.
func (s *sender) sendAll(parts []part, in *stream) error {
	var m message
	m.reset()
	for _, p := range parts {
		if !m.fits(p.set, len(p.b), maxDatagram) {
			if err := s.write(&m, in); err != nil {
				return err
			}
			m.reset()
		}
		m.add(p.set, p.b)
	}
	return s.write(&m, in)
}
