package pair

import (
	"errors"
	"math"
	"slices"
	"time"

	"ctop/tracker/flow"
)

// Receive takes a message of a host. What cannot be read is counted and passed over: an
// error is one of the table.
func (p *Pair) Receive(from string, message []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	h, body, err := parseHead(message)
	if err != nil {
		p.damaged(err, from, now)
		return nil
	}
	if from == p.unread.host {
		p.unread.host = "" // it was brought to another version
	}
	if h.instance == 0 || h.instance == p.instance || !p.known(from, h, now) {
		return nil
	}
	p.status.Received++
	if lost := h.sequence - p.partner.sequence - 1; lost < 1<<31 {
		p.status.Lost += uint64(lost)
		p.partner.sequence = h.sequence
	}
	if !p.alive(now) {
		p.suspectAll() // much may have changed
	}
	p.partner.latest, p.partner.heard = h.sent, now
	err = p.take(h, body, now)
	if errors.Is(err, errShort) {
		p.damaged(err, from, now)
		return nil
	}
	return err
}

// Sent reports whether this tracker has sent a message.
func (p *Pair) Sent(message []byte) bool {
	h, _, err := parseHead(message)
	return err == nil && h.instance == p.instance
}

// saidFor is how long it counts that a message was of another version, or that a flow had
// no room at the partner, which is told it again all the time.
const saidFor = time.Minute

func (p *Pair) damaged(err error, from string, now time.Time) {
	if !errors.Is(err, errForm) {
		p.status.Damaged++
		return
	}
	p.status.OtherForm++
	if !p.isUnread(now) && now.Sub(p.unread.warned) >= saidFor {
		p.unread.warned = now
		p.Log.Warn("the partner runs a version of ctop whose messages this one cannot read: bring both to the same version", "host", from)
	}
	p.unread.host, p.unread.at = from, now
}

// isUnread reports whether a host has sent messages of another version in the last minute,
// and none since that can be read.
func (p *Pair) isUnread(now time.Time) bool {
	return p.unread.host != "" && now.Sub(p.unread.at) < saidFor
}

// known reports whether a message is of the partner. Only hello makes a host the partner,
// and a third one only when the partner is gone.
func (p *Pair) known(from string, h head, now time.Time) bool {
	if from == p.partner.name && h.instance == p.partner.instance {
		return true
	}
	if h.kind != kindHello || p.alive(now) && from != p.partner.name {
		return false
	}
	if from != p.partner.name || now.Sub(p.at.said) >= gone {
		p.at.said = now
		p.Log.Info("the pair has a partner", "host", from)
	}
	p.partner = partner{name: from, instance: h.instance, sequence: h.sequence - 1, least: math.MaxInt64, next: math.MaxInt64, since: now}
	p.walk, p.sent = walk{}, nil
	p.suspectAll()
	return true
}

// take handles the body of a message.
func (p *Pair) take(h head, body []byte, now time.Time) error {
	waited := p.waited(h, now)
	switch h.kind {
	case kindHello:
		h, err := parseHello(body)
		if err == nil {
			p.takeHello(h, now)
		}
		return err
	case kindFlows:
		return p.takeFlows(body, waited, now)
	case kindEnds:
		return p.takeEnds(body)
	case kindDigest:
		d, err := parseDigest(body)
		if err != nil {
			return err
		}
		p.digest = &d
	case kindAsk:
		all, err := parseShards(body)
		for _, s := range all {
			p.open.asked[s] = true
		}
		p.differing += len(all)
		return err
	case kindList:
		shard, hashes, err := parseHashes(body)
		if err == nil {
			p.open.takeList(shard, hashes, 2*p.Capacity+maxHashes)
		}
		return err
	case kindWant:
		_, hashes, err := parseHashes(body)
		p.open.want(slices.Values(hashes), p.Capacity)
		return err
	case kindSynced:
		if !p.synced {
			p.synced, p.at.hello = true, time.Time{} // says so at once
		}
	}
	return nil // a later version may have more
}

func setOf(hashes []uint64) map[uint64]bool {
	set := make(map[uint64]bool, len(hashes))
	for _, h := range hashes {
		set[h] = true
	}
	return set
}

func (p *Pair) takeHello(h hello, now time.Time) {
	if h.echoInstance == p.instance && h.echoSent <= p.clock(now) {
		p.status.Lag = max(time.Duration(p.clock(now)-h.echoSent)-h.echoHeld, 0)
		p.arrive(h.echoSent)
		p.over.taken = max(p.over.taken, h.echoSent)
	}
	if h.refused > p.partner.hello.refused {
		p.partner.full = now
	}
	p.partner.hello = h
	if began := now.Add(-h.uptime); p.partner.began.IsZero() || began.Before(p.partner.began) {
		p.partner.began = began
	}
	if h.synced && !now.Before(p.at.rested) {
		p.walks = 0
	}
	// One that has not heard this tracker would not listen. One that is never in sync, or
	// never for long, is told all flows ever less often.
	if !h.synced && h.echoInstance == p.instance && !p.walk.full && now.Sub(p.told) >= fullAgain<<min(p.walks, maxWalks)-fullAgain {
		p.walks++
		p.fullWalk(now)
	}
}

// longestWait is the longest time that a message is believed to have waited.
const longestWait = time.Hour

// driftFor is how long the shortest time that a message took is believed.
const driftFor = time.Minute

// waited returns how long a message waited, beyond the time that the fastest one took: all
// durations in it are longer by so much.
func (p *Pair) waited(h head, now time.Time) time.Duration {
	behind := int64(p.clock(now)) - int64(h.sent)
	w := &p.partner
	if now.Sub(w.since) > driftFor {
		w.least, w.next, w.since = w.next, behind, now
	}
	w.next = min(w.next, behind)
	w.least = min(w.least, w.next)
	return min(max(time.Duration(behind-w.least), 0), longestWait)
}

func (p *Pair) takeFlows(body []byte, waited time.Duration, now time.Time) (failed error) {
	var told flow.Told
	err := records(body, flowSize, maxFlows, func(b []byte) {
		if failed == nil {
			parseFlow(b, &told)
			told.Since(waited + p.Now().Sub(now))
			failed = p.enter(&told)
		}
	})
	if failed == nil {
		failed = err
	}
	return failed
}

// enter enters a flow, as long as there is room for it. Those that are there are brought
// up to date also without.
func (p *Pair) enter(told *flow.Told) error {
	if p.isOver(told.ID) {
		return nil
	}
	if fits, err := p.fits(told); !fits {
		p.status.Refused++
		return err
	}
	result, err := p.Table.Enter(told)
	switch result {
	case flow.InheritedDone:
		p.status.Entered++
		p.entered++ // or it was there: the table knows
	case flow.InheritedFull, flow.InheritedRefused:
		p.status.Refused++
	case flow.InheritedOther:
		p.status.Conflicts++
	case flow.InheritedBack:
		p.Changed(told.Key)
	}
	return err
}

// fits reports whether there is room for a flow, or it is there.
func (p *Pair) fits(told *flow.Told) (fits bool, err error) {
	if p.room() {
		return true, nil
	}
	if p.present, err = p.Table.Present(); err != nil {
		return false, err
	}
	p.entered = 0
	if p.room() {
		return true, nil
	}
	var there flow.Told
	return p.Table.Flow(&told.Key, &there)
}

func (p *Pair) takeEnds(body []byte) (failed error) {
	err := records(body, endSize, maxEnds, func(b []byte) {
		if failed != nil {
			return
		}
		e := parseEnd(b)
		result, err := p.Table.End(&e.key, e.id, e.reason)
		if result == flow.InheritedDone {
			p.status.Ended++
		}
		failed = err
	})
	if failed == nil {
		failed = err
	}
	return failed
}
