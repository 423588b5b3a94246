package packets

import (
	"iter"
	"slices"
	"time"

	"ctop/internal/pcapng"
)

// held are packets that wait for older ones, which other processors may have seen.
type held struct {
	packets []pcapng.Packet
	// size is how many bytes wait.
	size int
}

// add keeps a copy of a packet.
func (h *held) add(p *pcapng.Packet) {
	copied := *p
	copied.Data = slices.Clone(p.Data)
	h.packets = append(h.packets, copied)
	h.size += len(p.Data)
}

// until returns the packets from before a time, or all if that is zero, in their order,
// and gives them up.
func (h *held) until(before time.Time) iter.Seq[*pcapng.Packet] {
	return func(yield func(*pcapng.Packet) bool) {
		slices.SortStableFunc(h.packets, func(a, b pcapng.Packet) int { return a.Time.Compare(b.Time) })
		n := 0
		defer func() {
			clear(h.packets[:n]) // their bytes can go
			h.packets = h.packets[:copy(h.packets, h.packets[n:])]
		}()
		for ; n < len(h.packets); n++ {
			p := &h.packets[n]
			if !before.IsZero() && !p.Time.Before(before) {
				return
			}
			h.size -= len(p.Data)
			if !yield(p) {
				n++
				return
			}
		}
	}
}
