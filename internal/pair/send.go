package pair

import (
	"encoding/binary"
	"slices"
	"time"

	"ctop/tracker/flow"
)

// Tick sends what is due. It is called when Due says so, and after Next.
func (p *Pair) Tick() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	alive := p.alive(now)
	if now.Sub(p.at.hello) >= helloEvery || alive && !p.synced {
		if err := p.greet(now, alive); err != nil {
			return err
		}
	}
	changed, ends := p.taken(now)
	if alive {
		p.sendEnds(ends)
	}
	p.end(ends, now)
	if !alive {
		p.walk = walk{} // what changes meanwhile digests find
		return nil
	}
	for key := range changed {
		if err := p.sendKey(&key); err != nil {
			return err
		}
	}
	if err := p.walkOn(now); err != nil {
		return err
	}
	p.flush()
	p.giveBack(changed, ends)
	return nil
}

// begin begins a message.
func (p *Pair) begin(k kind) []byte { return p.beginIn(nil, k) }

// beginIn begins a message in the memory of one that was sent.
func (p *Pair) beginIn(b []byte, k kind) []byte {
	p.sequence++
	return head{kind: k, instance: p.instance, sequence: p.sequence, sent: p.clock(p.Now())}.append(b[:0])
}

// send sends a message. One that is lost is found missing by the partner.
func (p *Pair) send(b []byte) {
	if err := p.Send(b); err != nil {
		return
	}
	p.status.Messages++
	p.status.Bytes += uint64(len(b))
}

// greet says hello, and what the table has to know.
func (p *Pair) greet(now time.Time, alive bool) (err error) {
	p.at.hello = now
	if p.present, err = p.Table.Present(); err != nil {
		return err
	}
	p.entered = 0
	// What the half before this one said counts until the partner is heard.
	if heard := p.partner.instance != 0; heard || now.Sub(p.start) >= pairedFor {
		paired := heard && now.Sub(p.partner.heard) < gone+pairedFor
		if err := p.Table.Pair(paired, alive); err != nil {
			return err
		}
	}
	h := hello{
		uptime: p.Uptime(), present: uint32(p.present), capacity: uint32(p.Capacity), refused: uint32(p.status.Refused),
		synced: p.synced, version: p.Version,
	}
	if p.partner.instance != 0 {
		h.echoInstance, h.echoSent, h.echoHeld = p.partner.instance, p.partner.latest, now.Sub(p.partner.heard)
	}
	p.send(h.append(p.begin(kindHello)))
	return nil
}

// overFor is how long at least a flow that has ended here is not entered again, unless the
// partner has heard that: it may tell of it before.
const overFor = 5 * time.Second

// end notes own flows that have ended, once that was told.
func (p *Pair) end(ends []end, now time.Time) {
	if o := &p.over; o.now == nil || now.Sub(o.since) >= overFor {
		o.now, o.before, o.since = map[flow.ID]uint64{}, o.now, now
	}
	at := p.clock(p.Now())
	for i := range ends[:min(len(ends), queued-len(p.over.now))] {
		p.over.now[ends[i].id] = at
	}
}

// isOver reports whether a flow has ended here lately, and the partner does not know it yet.
// One that it tells after that goes on there: here somebody forged its end.
func (p *Pair) isOver(id flow.ID) bool {
	at, over := p.over.now[id]
	if !over {
		at, over = p.over.before[id]
	}
	return over && p.over.taken <= at
}

func (p *Pair) sendEnds(ends []end) {
	for chunk := range slices.Chunk(ends, maxEnds) {
		p.ended = binary.LittleEndian.AppendUint16(p.beginIn(p.ended, kindEnds), endSize)
		for i := range chunk {
			p.ended = chunk[i].append(p.ended)
		}
		p.send(p.ended)
	}
}

// sendKey tells the flow of a key if it is this tracker's own.
func (p *Pair) sendKey(key *flow.ToldKey) error {
	var told flow.Told
	found, err := p.Table.Flow(key, &told)
	if found && !told.Inherited() {
		p.tell(&told)
	}
	return err
}

// tell adds a flow to the message that is being written.
func (p *Pair) tell(told *flow.Told) {
	if p.batched == 0 {
		p.batchSent = p.clock(p.Now())
		p.batch = binary.LittleEndian.AppendUint16(p.beginIn(p.batch, kindFlows), flowSize)
	}
	// Its times are as of now, the message is of before.
	told.Since(-time.Duration(p.clock(p.Now()) - p.batchSent))
	p.batch = appendFlow(p.batch, told)
	p.status.Flows++
	if p.batched++; p.batched == maxFlows {
		p.flush()
	}
}

func (p *Pair) flush() {
	if p.batched == 0 {
		return
	}
	p.send(p.batch)
	p.batched = 0
	if p.walk.full && len(p.sent) < maxSent {
		p.sent = append(p.sent, told{p.batchSent, p.status.Flows})
	}
}

// arrive notes that the partner has had the message of a time, and those before.
func (p *Pair) arrive(at uint64) {
	n := 0
	for n < len(p.sent) && p.sent[n].at <= at {
		p.arrived = p.sent[n].flows
		n++
	}
	p.sent = p.sent[n:]
}

// fullWalk begins to tell all flows.
func (p *Pair) fullWalk(now time.Time) {
	p.told = now
	p.walk = walk{full: true, began: now, before: now}
	p.sent, p.arrived = nil, p.status.Flows
}

// walkOn goes on with the round over the table. Own flows that had packets since the round
// before are told, or all of them.
func (p *Pair) walkOn(now time.Time) error {
	w := &p.walk
	if w.began.IsZero() {
		w.began, w.before = now, now.Add(-lap)
	}
	more, err := p.walkPlaces(now)
	if w.full {
		p.rest(p.Now().Sub(now))
	}
	if err != nil || more {
		return err
	}
	if w.full {
		p.flush()
		p.send(p.begin(kindSynced))
		p.at.digest, p.told = now, now
	}
	if wait := lap - now.Sub(w.began); wait > 0 && !w.full {
		return nil // the rest of a lap that was short
	}
	*w = walk{began: now, before: w.began}
	p.sent = nil
	return nil
}

// rest makes room between rounds in which all flows are told, after a part of one.
func (p *Pair) rest(took time.Duration) {
	if now := p.Now(); p.at.rested.Before(now) {
		p.at.rested = now
	}
	p.at.rested = p.at.rested.Add(restTimes * took)
}

// walkPlaces goes over as many places as are due, and reports whether there are more.
func (p *Pair) walkPlaces(now time.Time) (more bool, err error) {
	if !p.walk.full {
		due := int(float64(p.Capacity)*float64(now.Sub(p.walk.began)+Every)/float64(lap)) - p.walk.place
		return p.walkPart(min(max(due, 0), max(p.Capacity/32, 64)))
	}
	flows := p.status.Flows
	for n := 0; n < fullPlaces && p.status.Flows-flows < fullFlows && p.status.Flows-p.arrived < onTheWay; n += fullStep {
		if more, err = p.walkPart(fullStep); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// walkPart goes over n places.
func (p *Pair) walkPart(n int) (more bool, err error) {
	w := &p.walk
	within := p.Now().Sub(w.before) // the table reads its clock after that
	if w.full {
		within = -1
	}
	var lost []flow.Glance
	more, err = p.Table.Part(w.place, n, within, func(told *flow.Told) {
		switch {
		case w.full && told.Inherited() && p.forgotten(&told.Glance):
			lost = append(lost, told.Glance)
		case !told.Inherited() && !told.EndMissed():
			p.tell(told)
		}
	})
	w.place += n
	for i := range lost {
		if err == nil {
			err = p.claim(&lost[i])
		}
	}
	return more, err
}

// forgotten reports whether a flow is older than the partner's tracker, which cannot have
// begun it: what it knew of the flow is lost.
func (p *Pair) forgotten(g *flow.Glance) bool {
	return g.Age-digestEvery > p.Now().Sub(p.partner.began)
}

// claim makes a flow this tracker's own that the partner has lost, and tells it. One that had
// packets since the partner's tracker began was known there, and has ended.
func (p *Pair) claim(g *flow.Glance) error {
	var told flow.Told
	found, err := p.Table.Flow(&g.Key, &told)
	if err != nil {
		return err
	}
	if found && told.ID == g.ID && told.Idle()+digestEvery < p.Now().Sub(p.partner.began) {
		return p.endOne(g)
	}
	result, err := p.Table.Own(&g.Key, g.ID)
	if err != nil || result != flow.InheritedDone {
		return err
	}
	p.status.Mended++
	return p.sendKey(&g.Key)
}
