package history

import (
	"sync"
	"time"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"ctop/tracker/flow"
)

// longestGroup is how many snapshots a group has at most. To show the last one, all of
// them are decoded.
const longestGroup = 64

// frame is one snapshot.
type frame struct {
	// head is the snapshot without flows and translations.
	head flow.Snapshot
	// passed is the time since the frame before, 0 for a whole snapshot.
	passed time.Duration
	data   []byte
	// processes and names are those of its group so far.
	processes []*flow.Process
	names     []*flow.ServerName
}

// size returns how much memory a frame takes, in bytes.
func (f *frame) size() int {
	size := int(unsafe.Sizeof(*f)) + len(f.data) + len(f.head.Interfaces)*int(unsafe.Sizeof(flow.Interface{}))
	return size + len(f.head.Stalled) + len(f.head.Warnings)*int(unsafe.Sizeof(flow.Warning{}))
}

// group is a whole snapshot and those that follow from it. Frames are only added.
type group struct {
	frames    []*frame
	processes *known[flow.Process]
	names     *known[flow.ServerName]
	size      int
}

// chain is a list of groups, the oldest first.
type chain struct {
	groups []*group
	// last is the newest snapshot, nil if the next one is to be whole.
	last *flow.Snapshot
}

// The codecs are for all chains. They keep tables of some hundred kilobytes.
var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<18), zstd.WithEncoderCRC(false))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
)

// writers are for the next frames.
var writers = sync.Pool{New: func() any { return new(writer) }}

// encode returns the next frame, and the group that it belongs to, which may be new.
func (c *chain) encode(s *flow.Snapshot) (*frame, *group) {
	var g *group
	if n := len(c.groups); n > 0 && c.last != nil && !c.groups[n-1].full() {
		g = c.groups[n-1]
	}
	f := &frame{head: *s}
	f.head.Flows, f.head.Translations = nil, nil
	before := &flow.Snapshot{}
	if g == nil {
		g = &group{processes: newKnown[flow.Process](), names: newKnown[flow.ServerName]()}
	} else {
		before, f.passed = c.last, passed(c.last, s)
	}
	w, _ := writers.Get().(*writer)
	w.reset()
	e := encoder{writer: w, before: before, now: s, passed: f.passed, processes: g.processes, names: g.names}
	e.encode()
	f.data, f.processes, f.names = w.pack(packer), g.processes.list, g.names.list
	writers.Put(w)
	return f, g
}

// passed returns the time between two snapshots, by the kernel's clock if both have it:
// the time of day may have been set.
func passed(before, now *flow.Snapshot) time.Duration {
	if before.Uptime > 0 && now.Uptime > before.Uptime {
		return now.Uptime - before.Uptime
	}
	return now.Time.Sub(before.Time)
}

// full reports whether it is better to begin another group: when this one is long, and
// when its differences take as much as another whole snapshot would.
func (g *group) full() bool {
	return len(g.frames) >= longestGroup || g.size >= 2*g.frames[0].size()
}

// add adds what encode returned, and returns its size.
func (c *chain) add(f *frame, g *group) int {
	if len(g.frames) == 0 {
		c.groups = append(c.groups, g)
	}
	g.frames = append(g.frames, f)
	size := f.size()
	g.size += size
	return size
}

// forget drops the groups that ended before a time.
func (c *chain) forget(before time.Time) {
	n := 0
	for n < len(c.groups) && c.groups[n].end().Before(before) {
		n++
	}
	if n == len(c.groups) {
		c.last = nil
	}
	c.groups = append([]*group(nil), c.groups[n:]...)
}

// shrink drops the oldest groups while all take more than they may.
func (c *chain) shrink(most int) {
	for size := c.size(); size > most; {
		size -= c.groups[0].size
		if c.groups = append([]*group(nil), c.groups[1:]...); len(c.groups) == 0 {
			c.last = nil
		}
	}
}

func (g *group) end() time.Time { return g.frames[len(g.frames)-1].head.Time }

// size returns the memory of all groups, in bytes.
func (c *chain) size() (size int) {
	for _, g := range c.groups {
		size += g.size
	}
	return size
}

// place is where a snapshot is kept: the last of some frames.
type place []*frame

// time returns when the snapshot was taken.
func (p place) time() time.Time { return p[len(p)-1].head.Time }

// places returns where all snapshots of a chain are.
func (c *chain) places() []place {
	var list []place
	for _, g := range c.groups {
		for i := range g.frames {
			list = append(list, g.frames[:i+1])
		}
	}
	return list
}

// decode returns the snapshot. near may be an earlier one of the same group, which saves
// work; it is nil if there is none.
func (p place) decode(near *flow.Snapshot) *flow.Snapshot {
	first := 0
	s := &flow.Snapshot{}
	for i, f := range p {
		if near != nil && near.Time.Equal(f.head.Time) {
			s, first = near, i+1
		}
	}
	for _, f := range p[first:] {
		s = f.decode(s)
	}
	return s
}

// decode returns the snapshot that follows another one.
func (f *frame) decode(before *flow.Snapshot) *flow.Snapshot {
	now := f.head
	r, err := unpack(f.data, unpacker)
	if err != nil {
		return before // it cannot be: this process wrote it
	}
	d := decoder{reader: r, before: before, now: &now, passed: f.passed, processes: f.processes, names: f.names}
	d.decode()
	return &now
}
