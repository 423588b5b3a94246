package ipfix

// introduce sends what a collector has to know before it can read records: the templates.
// With them go the descriptions of ctop's elements, and what was not sent. Over TCP the
// first is said once.
func (s *sender) introduce(first bool) error {
	if first || s.to.Network == "udp" {
		if err := s.sendAll(s.introduction()); err != nil {
			return err
		}
	}
	var m message
	m.reset()
	m.add(templateReliability, s.reliability())
	return s.write(&m)
}

// probe sends the templates only, which count for no number.
func (s *sender) probe() error { return s.sendAll(s.templateRecords()) }

// part is a record of some set.
type part struct {
	set uint16
	b   []byte
}

// templateRecords returns all templates.
func (s *sender) templateRecords() (parts []part) {
	for i := range s.templates {
		parts = append(parts, part{setTemplates, s.templates[i].describe(nil)})
	}
	return append(parts,
		part{setOptionTemplates, describeReliability(nil)},
		part{setOptionTemplates, describeElements(nil)})
}

// introduction returns all templates, and the descriptions of ctop's elements.
func (s *sender) introduction() []part {
	parts := s.templateRecords()
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

// sendAll sends parts in as few messages as they need.
func (s *sender) sendAll(parts []part) error {
	var m message
	m.reset()
	for _, p := range parts {
		if !m.fits(p.set, len(p.b), maxDatagram) {
			if err := s.write(&m); err != nil {
				return err
			}
			m.reset()
		}
		m.add(p.set, p.b)
	}
	return s.write(&m)
}
