package hello

import "slices"

const (
	// mostBytes is how much of a stream is put together, mostParts in how many parts it
	// may lie.
	mostBytes = 4096
	mostParts = 64
)

// Stream puts the beginning of a stream together from parts in any order. Of a byte that
// comes twice the first counts.
type Stream struct {
	bytes []byte
	// parts are what there is, in order, with gaps between them.
	parts []part
}

type part struct{ from, to int }

// Add adds the bytes at an offset. What is beyond the beginning is left out.
func (s *Stream) Add(offset int, b []byte) {
	if offset < 0 || offset >= mostBytes || len(b) == 0 {
		return
	}
	b = b[:min(len(b), mostBytes-offset)]
	to := offset + len(b)
	if to > len(s.bytes) {
		s.bytes = append(s.bytes, make([]byte, to-len(s.bytes))...)
	}
	next, at := part{offset, to}, offset
	first, last := len(s.parts), len(s.parts)
	for i, p := range s.parts {
		if p.to < offset {
			continue
		}
		first = min(first, i)
		if p.from > to {
			last = i
			break
		}
		if at < p.from {
			copy(s.bytes[at:p.from], b[at-offset:])
		}
		at = max(at, p.to)
		next = part{min(next.from, p.from), max(next.to, p.to)}
	}
	if first == last && len(s.parts) == mostParts {
		return
	}
	if at < to {
		copy(s.bytes[at:to], b[at-offset:])
	}
	s.parts = slices.Replace(s.parts, first, last, next)
}

// Prefix returns the bytes from the first to the first gap.
func (s *Stream) Prefix() []byte {
	if len(s.parts) == 0 || s.parts[0].from > 0 {
		return nil
	}
	return s.bytes[:s.parts[0].to]
}

// Full reports whether nothing more is put together.
func (s *Stream) Full() bool { return len(s.Prefix()) == mostBytes }
