package pair

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// A half says hello once a second, and with every tick until it is in sync. In it stands what
// the partner and the operator have to know.
func TestGreeting(t *testing.T) {
	h := newHostile(t, 100, 3)
	hellos := func() (all []hello) {
		for _, m := range h.sent {
			if head, body, err := parseHead(m); err == nil && head.kind == kindHello {
				one, _ := parseHello(body)
				all = append(all, one)
			}
		}
		h.sent = nil
		return all
	}
	h.pass(3 * time.Second)
	all := hellos()
	if len(all) != 3 || all[0].present != 3 || all[0].capacity != 100 || all[0].uptime != time.Hour || all[0].synced || all[0].echoInstance != 0 || h.table.paired || h.table.alive {
		t.Errorf("alone it says %+v", all)
	}
	h.greet(false)
	h.now = h.now.Add(10 * time.Millisecond)
	if h.pass(Every); !h.table.paired || !h.table.alive {
		t.Error("the table does not know that there is a partner")
	}
	all = hellos()
	if len(all) != 1 || all[0].echoInstance != 77 || all[0].echoHeld != 10*time.Millisecond || all[0].synced {
		t.Errorf("to a partner it says %+v", all)
	}
	if h.pass(5 * Every); len(hellos()) != 5 {
		t.Error("it does not say hello with every tick")
	}
	h.say(kindSynced, nil)
	h.pass(gone - 10*Every)
	if all = hellos(); len(all) != 5 || !all[0].synced {
		t.Errorf("in sync it says %d hellos", len(all))
	}
	h.pass(gone)
	if !h.table.paired || h.table.alive {
		t.Errorf("a silent partner is alive: %t, paired: %t", h.table.alive, h.table.paired)
	}
	h.pass(pairedFor + time.Second)
	if h.table.paired {
		t.Error("a partner that is gone is one for ever")
	}
	if p := h.pair; p.status.Messages == 0 || p.status.Bytes < 24*p.status.Messages {
		t.Errorf("%+v", p.status)
	}
	h.pair.Send = func([]byte) error { return errBroken }
	before := h.pair.status.Messages
	if h.pass(2 * time.Second); h.pair.status.Messages != before {
		t.Error("what could not be sent counts")
	}
}

// Until a half that was begun again hears its partner, what the one before it said counts, for
// a minute.
func TestPairedAsBefore(t *testing.T) {
	h := newHostile(t, 100, 3)
	h.table.paired = true
	if h.pass(pairedFor - time.Second); !h.table.paired {
		t.Error("the partner is forgotten")
	}
	if h.pass(2 * time.Second); h.table.paired {
		t.Error("a partner that is gone is one for ever")
	}
}

// A version that cannot be read is logged once, a partner when it is another one or comes back.
func TestLoggedOnce(t *testing.T) {
	h := newHostile(t, 100, 0)
	log := new(strings.Builder)
	h.pair.Log = slog.New(slog.NewTextHandler(log, nil))
	said := func(text string) int {
		n := strings.Count(log.String(), text)
		log.Reset()
		return n
	}
	for range 3 {
		h.pair.damaged(errForm, "gate-1", h.now)
	}
	if n := said("bring both to the same version"); n != 1 || h.pair.status.OtherForm != 3 {
		t.Errorf("it says %d times that versions differ", n)
	}
	for i, c := range []struct {
		instance uint64
		later    time.Duration
		want     int
	}{{77, 0, 1}, {77, gone, 0}, {78, 0, 1}, {79, gone - 1, 0}, {80, 1, 1}} {
		h.now, h.instance = h.now.Add(c.later), c.instance
		h.greet(true)
		if n := said("the pair has a partner"); n != c.want || h.pair.status.Lost != 0 {
			t.Errorf("%d: it says %d times that there is a partner", i, n)
		}
	}
}

// The status has what the partner said last, and how long a message takes.
func TestStatusOfPartners(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	h.greet(false)
	h.now = h.now.Add(time.Second)
	greeting := hello{synced: true, refused: 9, version: "v7", echoInstance: p.instance, echoSent: p.clock(h.now) - 300, echoHeld: 100}
	h.say(kindHello, greeting.append(nil))
	want := Status{Partner: "gate-2", Version: "v7", Alive: true, SyncedThere: true, RefusedThere: 9, Lag: 200}
	got := p.Status()
	if got.Partner != want.Partner || got.Version != want.Version || got.Alive != want.Alive || got.Synced || got.SyncedThere != want.SyncedThere || got.RefusedThere != want.RefusedThere || got.Lag != want.Lag {
		t.Errorf("the status is %+v", got)
	}
	for i, c := range []struct {
		echo func(g *hello)
		want time.Duration
	}{
		{func(g *hello) { g.echoHeld = 1000 }, 0},
		{func(g *hello) { g.echoSent = p.clock(h.now); g.echoHeld = 0 }, 0},
		{func(g *hello) { g.echoSent = p.clock(h.now) + 1 }, -7},
		{func(g *hello) { g.echoInstance++ }, -7},
	} {
		p.status.Lag = -7
		g := greeting
		c.echo(&g)
		if h.say(kindHello, g.append(nil)); p.status.Lag != c.want {
			t.Errorf("%d: the lag is %d", i, p.status.Lag)
		}
	}
	if h.now = h.now.Add(gone - 1); !p.Status().Alive {
		t.Error("the partner is gone too early")
	}
	if h.now = h.now.Add(1); p.Status().Alive {
		t.Error("a silent partner is alive")
	}
	if p.partner.instance = 0; p.alive(p.partner.heard) {
		t.Error("nobody is alive")
	}
}

// What is entered takes room before the table says so.
func TestEnteredTakesRoom(t *testing.T) {
	h := newHostile(t, 160, 0)
	p := h.pair
	var told flow.Told
	told.Control = uint32(flow.StateEstablished)
	for i := range 151 {
		told.Key, told.ID = flow.ToldKey{byte(i), 1}, flow.ID(i+1)
		if err := p.enter(&told); err != nil {
			t.Fatal(err)
		}
	}
	if p.status.Entered != 150 || p.status.Refused != 1 || p.present != 150 || p.entered != 0 {
		t.Errorf("%d are entered, %d refused, %d present", p.status.Entered, p.status.Refused, p.present)
	}
	told.Key, told.ID = flow.ToldKey{1, 1}, 2
	if p.enter(&told) != nil || p.status.Entered != 151 {
		t.Error("one that is there is not brought up to date")
	}
	delete(h.table.flows, flow.ToldKey{5, 1})
	h.table.ended++
	told.Key, told.ID = flow.ToldKey{200, 1}, 200
	if p.enter(&told) != nil || p.status.Entered != 152 || p.status.Refused != 1 {
		t.Errorf("where one has ended another one has no room: %+v", p.status)
	}
	told.ID = 0
	if p.enter(&told) != nil || p.status.Refused != 2 {
		t.Errorf("one without an ID is entered: %+v", p.status)
	}
	p.end([]end{{id: 300}}, h.now)
	told.ID = 300
	if before := p.status; p.enter(&told) != nil || p.status != before {
		t.Errorf("one that has ended is entered: %+v", p.status)
	}
}

// How many shards the partner asked for since the last digest is how much the tables differ.
func TestDifferingShards(t *testing.T) {
	h := newHostile(t, 100, 0)
	p := h.pair
	h.greet(true)
	p.synced, p.instance = true, 1
	for range 2 {
		h.say(kindAsk, appendShards(nil, []uint16{1, 2, 3}))
	}
	h.now = h.now.Add(digestEvery)
	if err := p.sendDigest(); err != nil || p.status.Differing != 6 || p.differing != 0 || !p.at.digest.Equal(h.now) {
		t.Errorf("%v, %d shards differ", err, p.status.Differing)
	}
	if sent := len(h.sent); p.sendDigest() != nil || len(h.sent) != sent {
		t.Error("a digest is sent again at once")
	}
}

// Messages arrive in the order of their numbers, also where a flow is told that the partner has
// lost: it counts those that are missing.
func TestOrderOfMessages(t *testing.T) {
	h := newHostile(t, 100, 0)
	key := flow.ToldKey{1}
	*h.table.add(key) = entry{told: flow.Told{Glance: flow.Glance{Key: key, ID: 7, Control: uint32(flow.StateEstablished)}}, made: h.now.Add(-time.Hour), heard: h.now}
	h.greet(true)
	told := h.table.read(h.table.flows[key])
	if err := h.pair.mend(&found{left: []flow.Glance{told.Glance}}); err != nil || !h.table.flows[key].own {
		t.Fatalf("a flow that is older than the partner is not claimed: %v", err)
	}
	h.now = h.now.Add(time.Second)
	if err := h.pair.Tick(); err != nil {
		t.Fatal(err)
	}
	for i, m := range h.sent {
		if head, _, err := parseHead(m); err != nil || head.sequence != uint32(i+1) {
			t.Errorf("message %d is %+v, %v", i+1, head, err)
		}
	}
	if len(h.sent) < 2 {
		t.Errorf("%d messages are sent, of the flow and hello", len(h.sent))
	}
}
