package pair

import (
	"iter"
	"maps"
	"slices"
	"time"

	"ctop/tracker/flow"
)

const (
	// passEvery is the shortest time between two passes over the table.
	passEvery = 200 * time.Millisecond
	// passPlaces is how many places are read at a time.
	passPlaces = 1 << 15
	// resend is how many flows that the partner lacks are told in a pass: it may have no
	// room for them, or ask for what it has.
	resend = 100_000
	// restTimes is how many times as long as a round over the table took nothing is asked of
	// it again.
	restTimes = 10
	// owned is the age from which on a flow that is missing has ended.
	owned = 5 * time.Second
)

// CompareDue reports whether Compare has something to do.
func (p *Pair) CompareDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	return p.digest != nil || p.digestDue(now) || p.answerDue(now)
}

// Compare compares the tables, as far as that is due. It goes over the table meanwhile, and
// is not called twice at a time: Tick and Receive do not wait for it.
func (p *Pair) Compare() error {
	for _, step := range []func() error{p.sendDigest, p.takeDigest, p.answer} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// locked calls do while nothing else happens, and reports what that says.
func (p *Pair) locked(do func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return do()
}

// digestDue reports whether a digest is to be sent. One of both does: who hears one finds
// also what the other one lacks.
func (p *Pair) digestDue(now time.Time) bool {
	return now.Sub(p.at.digest) >= digestEvery && p.comparable() &&
		(p.instance < p.partner.instance || now.Sub(p.at.compared) >= 3*digestEvery)
}

// sendDigest sends the digest when it is due.
func (p *Pair) sendDigest() error {
	due := false
	_ = p.locked(func() error { // says nothing
		now := p.Now()
		if due = p.digestDue(now); due {
			p.at.digest = now
			p.status.Differing, p.differing = p.differing, 0
		}
		return nil
	})
	if !due {
		return nil
	}
	d, err := p.sums()
	if err != nil {
		return err
	}
	return p.locked(func() error {
		p.send(d.append(p.begin(kindDigest)))
		return nil
	})
}

// comparable reports whether both have told all of their flows: before, the tables differ in
// what is on its way.
func (p *Pair) comparable() bool { return p.synced && p.partner.hello.synced && !p.walk.full }

// each visits all flows.
func (p *Pair) each(visit func(*flow.Glance)) error {
	for from := 0; ; from += passPlaces {
		more, err := p.Table.Glance(from, passPlaces, visit)
		if err != nil || !more {
			return err
		}
	}
}

// sums returns the digest of the table.
func (p *Pair) sums() (d digest, err error) {
	err = p.each(func(g *flow.Glance) {
		if counts(g) {
			d.add(hashOf(&g.Key, g.ID))
		}
	})
	return d, err
}

// takeDigest compares the partner's latest digest with this table's. What differs twice in a
// row is asked for.
func (p *Pair) takeDigest() error {
	var other *digest
	_ = p.locked(func() error { // says nothing
		if p.comparable() && !p.Now().Before(p.at.sums) {
			other = p.digest
		}
		p.digest = nil
		return nil
	})
	if other == nil {
		return nil
	}
	began := p.Now()
	d, err := p.sums()
	if err != nil {
		return err
	}
	return p.locked(func() error {
		p.at.sums = rested(began, p.Now(), time.Second)
		p.judge(d.differs(other))
		return nil
	})
}

// rested returns when a round over the table may follow one.
func rested(began, ended time.Time, least time.Duration) time.Time {
	return began.Add(max(least, restTimes*ended.Sub(began)))
}

// judge takes the shards that differ.
func (p *Pair) judge(differ []uint16) {
	p.at.compared, p.status.Differing = p.Now(), len(differ)
	var ask []uint16
	suspect := map[uint16]bool{}
	for _, s := range differ {
		if p.suspect[s] {
			ask = append(ask, s)
		}
		suspect[s] = true
	}
	p.suspect = suspect
	clear(p.open.expected)
	for _, s := range ask {
		p.open.expected[s] = true
	}
	if len(ask) > 0 {
		p.send(appendShards(p.begin(kindAsk), ask))
	}
}

// suspectAll makes the next digest count at once.
func (p *Pair) suspectAll() {
	if len(p.suspect) == shards {
		return
	}
	for s := range uint16(shards) {
		p.suspect[s] = true
	}
}

// questions are what waits for the next pass over the table: shards that the partner asked
// for, what it has in others, and hashes of flows that it wants.
type questions struct {
	asked map[uint16]bool
	lists map[uint16]map[uint64]bool
	wants map[uint64]bool
	// expected are the shards whose lists were asked for, and listed how many hashes wait.
	expected map[uint16]bool
	listed   int
}

func newQuestions() questions {
	return questions{asked: map[uint16]bool{}, lists: map[uint16]map[uint64]bool{}, wants: map[uint64]bool{}, expected: map[uint16]bool{}}
}

// take returns what waits, all but what is expected.
func (q *questions) take() questions {
	taken := *q
	*q = newQuestions()
	q.expected = taken.expected
	return taken
}

// want adds hashes of flows that the partner wants, up to a limit.
func (q *questions) want(hashes iter.Seq[uint64], most int) {
	for h := range hashes {
		if len(q.wants) == most {
			return
		}
		q.wants[h] = true
	}
}

// takeList keeps a list until the next pass. Only what was asked for is taken, once, and no
// more of it than most hashes.
func (q *questions) takeList(shard uint16, hashes []uint64, most int) {
	if !q.expected[shard] || q.listed+len(hashes) > most {
		return
	}
	delete(q.expected, shard)
	q.listed += len(hashes)
	q.lists[shard] = setOf(hashes)
}

// found is what a pass has found.
type found struct {
	answers map[uint16][]uint64
	// tell are flows that the partner lacks, and left those of it that it does not have.
	tell []flow.ToldKey
	left []flow.Glance
	// lacking is how many the partner lacks that it did not ask for, resent how many it did.
	lacking, resent int
}

// answerDue reports whether something was asked or answered, and the table may be gone over.
func (p *Pair) answerDue(now time.Time) bool {
	return len(p.open.asked)+len(p.open.lists)+len(p.open.wants) > 0 && !now.Before(p.at.pass)
}

// answer goes over the table once, for all that was asked and answered.
func (p *Pair) answer() error {
	var q questions
	var began time.Time
	due := false
	_ = p.locked(func() error { // says nothing
		began = p.Now()
		if due = p.answerDue(began); due {
			q = p.open.take()
		}
		return nil
	})
	if !due {
		return nil
	}
	f := found{answers: map[uint16][]uint64{}}
	for s := range q.asked {
		f.answers[s] = []uint64{}
	}
	if err := p.each(func(g *flow.Glance) { f.note(&q, g) }); err != nil {
		return err
	}
	err := p.locked(func() error {
		for s, hashes := range f.answers {
			p.send(appendHashes(p.begin(kindList), s, hashes[:min(len(hashes), maxHashes)]))
		}
		for s, list := range q.lists {
			p.want(s, list)
		}
		if f.resent == resend { // else what is left is not here
			p.open.want(maps.Keys(q.wants), p.Capacity)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = p.mend(&f)
	_ = p.locked(func() error { // says nothing
		p.at.pass = rested(began, p.Now(), passEvery)
		return nil
	})
	return err
}

// note notes what a flow is an answer to. What it finds it takes from the lists.
func (f *found) note(q *questions, g *flow.Glance) {
	hash := hashOf(&g.Key, g.ID)
	shard := shardOf(hash)
	// One whose end was missed is over: where the partner has it again, that ends.
	if q.asked[shard] && !g.EndMissed() {
		f.answers[shard] = append(f.answers[shard], hash)
	}
	if q.wants[hash] {
		f.wanted(q, hash, g)
	}
	list, listed := q.lists[shard]
	if !listed {
		return
	}
	if list[hash] {
		delete(list, hash)
	} else if g.Age >= owned && g.Inherited() {
		f.left = append(f.left, *g)
	} else if g.Age >= owned && !g.EndMissed() && f.lacking < resend {
		f.lacking++
		f.tell = append(f.tell, g.Key)
	}
}

// wanted notes a flow that the partner lacks.
func (f *found) wanted(q *questions, hash uint64, g *flow.Glance) {
	switch {
	case g.Inherited() && g.Age >= owned:
		f.left = append(f.left, *g)
	case !g.Inherited() && f.resent < resend:
		f.resent++
		delete(q.wants, hash)
		f.tell = append(f.tell, g.Key)
	}
}

// want asks for flows that this table lacks.
func (p *Pair) want(shard uint16, hashes map[uint64]bool) {
	if len(hashes) == 0 {
		return
	}
	all := make([]uint64, 0, len(hashes))
	for h := range hashes {
		all = append(all, h)
	}
	slices.Sort(all)
	p.send(appendHashes(p.begin(kindWant), shard, all))
}

// mendAtOnce is how many flows are told or ended while Tick and Receive wait.
const mendAtOnce = 500

// mend tells what the partner lacks, and handles flows of it that it does not have.
func (p *Pair) mend(f *found) error {
	for keys := range slices.Chunk(f.tell, mendAtOnce) {
		err := p.locked(func() error {
			for i := range keys {
				if err := p.sendKey(&keys[i]); err != nil {
					return err
				}
			}
			p.flush()
			return nil
		})
		if err != nil {
			return err
		}
	}
	for left := range slices.Chunk(f.left, mendAtOnce) {
		err := p.locked(func() error {
			defer p.flush() // before any other message is begun
			return p.endLeft(left)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// endLeft handles flows of the partner that it has ended or lost.
func (p *Pair) endLeft(left []flow.Glance) (err error) {
	for i := range left {
		if p.forgotten(&left[i]) {
			err = p.claim(&left[i])
		} else {
			err = p.endOne(&left[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endOne ends a flow of the partner that has ended there.
func (p *Pair) endOne(g *flow.Glance) error {
	result, err := p.Table.End(&g.Key, g.ID, flow.ReasonExpired)
	if result == flow.InheritedDone {
		p.status.Mended++
	}
	return err
}
