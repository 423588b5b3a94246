package tracker

import "time"

// volume is what a direction, or the tracker, had carried at some time.
type volume struct {
	packets, bytes uint64
}

// rates turns the difference between two snapshots into packets and bits per
// second.
type rates struct {
	time  time.Time
	total volume
	flows map[FlowID][2]volume
}

// apply fills in the snapshot's rates and remembers it for the next.
func (r *rates) apply(s *Snapshot) {
	elapsed := s.Time.Sub(r.time).Seconds()
	known := !r.time.IsZero() && elapsed > 0
	flows := make(map[FlowID][2]volume, len(s.Flows))
	for i := range s.Flows {
		f := &s.Flows[i]
		now := [2]volume{{f.Origin.Packets, f.Origin.Bytes}, {f.Reply.Packets, f.Reply.Bytes}}
		flows[f.ID] = now
		if !known {
			continue
		}
		// A flow that was not there before has carried all since.
		before := r.flows[f.ID]
		f.Origin.PPS, f.Origin.BPS = perSecond(before[Origin], now[Origin], elapsed)
		f.Reply.PPS, f.Reply.BPS = perSecond(before[Reply], now[Reply], elapsed)
	}
	total := volume{s.Counters.Packets, s.Counters.Bytes}
	if known {
		s.PPS, s.BPS = perSecond(r.total, total, elapsed)
	}
	r.time, r.total, r.flows = s.Time, total, flows
}

func perSecond(before, now volume, seconds float64) (pps, bps float64) {
	if now.packets < before.packets || now.bytes < before.bytes {
		return 0, 0
	}
	return float64(now.packets-before.packets) / seconds, 8 * float64(now.bytes-before.bytes) / seconds
}
