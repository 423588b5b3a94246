package ipfix

import "sync/atomic"

// Stats are the counters of one collector.
type Stats struct {
	Collector string
	// Sent and Dropped are flow records. Over UDP, sent does not mean received.
	Sent, Dropped uint64
	// Messages and Bytes are what was sent, templates included.
	Messages, Bytes uint64
	// Waiting is the number of records that wait.
	Waiting int
	// Up is set unless the collector is known not to take records.
	Up bool
}

// counts are the counters behind [Stats], and of what was not sent.
type counts struct {
	sent, dropped, messages, bytes atomic.Uint64
	droppedPackets, droppedOctets  atomic.Uint64
	up                             atomic.Bool
}

// drop counts records that are not sent.
func (c *counts) drop(records uint64, v volume) {
	c.dropped.Add(records)
	c.droppedPackets.Add(v.packets)
	c.droppedOctets.Add(v.octets)
}
