package conversation

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Gap is that one host saw more packets of a direction than another one.
type Gap struct {
	Direction flow.Direction
	// From saw so many packets of which To did not see some.
	From, To    Sighting
	Packets, Of uint64
	// Bytes is how many bytes more From saw.
	Bytes uint64
}

// None reports whether one of them saw no packet at all. Then the packets may take another
// way.
func (g *Gap) None() bool { return g.Packets == g.Of }

// String says it in a few words.
func (g *Gap) String() string {
	if g.None() {
		return fmt.Sprintf("%s saw none of the %s of the %s that %s saw: they take another path, or are lost",
			g.To.Host, format.Plural(int(g.Of), "packet"), g.Direction, g.From.Host)
	}
	return fmt.Sprintf("%s of %s of the %s (%s) were lost between %s and %s", format.Count(int(g.Packets)),
		format.Plural(int(g.Of), "packet"), g.Direction, share(g.Packets, g.Of), g.From.place(g.To), g.To.place(g.From))
}

// Short says it in fewer words.
func (g *Gap) Short() string {
	return fmt.Sprintf("%s of the %s lost, %s > %s", share(g.Packets, g.Of), g.Direction, g.From.Host, g.To.Host)
}

// place names the host, and the interface if the other one is of the same host.
func (s *Sighting) place(other Sighting) string {
	if s.Host == other.Host {
		return s.Interface + " of " + s.Host
	}
	return s.Host
}

func share(part, whole uint64) string {
	percent := 100 * float64(part) / float64(whole)
	if percent < 0.1 {
		return "less than 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// Comparable reports whether all hosts saw the conversation from its first packet on. The
// younger and older are those whose ages differ most.
func (c *Conversation) Comparable() (younger, older *Sighting, ok bool) {
	byAge := func(a, b Sighting) int { return cmp.Compare(a.Flow.Age, b.Flow.Age) }
	list := c.seen()
	if len(list) < 2 {
		list = c.Sightings
	}
	low, high := slices.MinFunc(list, byAge), slices.MaxFunc(list, byAge)
	return &low, &high, high.Flow.Age-low.Flow.Age <= skew
}

// Gaps returns where hosts saw different numbers of packets, in each direction from the
// host that saw most of them to the one that saw fewest. What may be on its way, or may
// have come between the looks of two hosts, is no gap.
func (c *Conversation) Gaps() (gaps []Gap) {
	if _, _, ok := c.Comparable(); !ok {
		return nil
	}
	for _, d := range [...]flow.Direction{flow.Origin, flow.Reply} {
		way := c.seen()
		slices.SortStableFunc(way, func(a, b Sighting) int { return cmp.Compare(b.Half(d).Packets, a.Half(d).Packets) })
		way = apart(way)
		margin, first := c.margin(d), 0
		for to := 1; to < len(way); to++ {
			for _, from := range [...]int{to - 1, first} {
				a, b := way[from].Half(d), way[to].Half(d)
				if missing := a.Packets - b.Packets; float64(missing) > margin {
					gaps = append(gaps, Gap{
						Direction: d, From: way[from], To: way[to],
						Packets: missing, Of: a.Packets, Bytes: a.Bytes - min(a.Bytes, b.Bytes),
					})
					first = to
					break
				}
			}
		}
	}
	return gaps
}

// apart returns the first sighting of each flow. Both hosts of a pair may have one flow: its
// packets pass by either of them, so one that the other did not see is not lost.
func apart(list []Sighting) (others []Sighting) {
	ids := map[flow.ID]bool{}
	for _, s := range list {
		if !ids[s.Flow.ID] {
			others = append(others, s)
		}
		ids[s.Flow.ID] = true
	}
	return others
}

// margin returns how many packets of a direction the hosts may differ by although none is
// lost.
func (c *Conversation) margin(d flow.Direction) (packets float64) {
	quiet, begun := true, true
	for i := range c.Sightings {
		s := &c.Sightings[i]
		quiet = quiet && s.Flow.Idle > skew
		begun = begun && s.sawFirst()
		packets = max(packets, s.Half(d).PPS, s.average(d))
	}
	switch {
	case quiet && begun:
		return 0
	case quiet || begun:
		return math.Ceil(packets * skew.Seconds())
	}
	return math.Ceil(2 * packets * skew.Seconds())
}

// before is how long a tracker must have been there when a flow's first packet came, for it
// to be the first one. Both are told by one host at one time.
const before = time.Second

// sawFirst reports whether the host must have seen the first packet: the tracker was there
// before, or it saw the handshake.
func (s *Sighting) sawFirst() bool {
	return s.Flow.Origin.WindowKnown || s.uptime > s.Flow.Age+before
}

// average returns the packets per second while there were any.
func (s *Sighting) average(d flow.Direction) float64 {
	return float64(s.Half(d).Packets) / max(s.Flow.Age-s.Flow.Idle, time.Second).Seconds()
}

// Text says in sentences where the hosts differ, and by whose word they see the same.
func (c *Conversation) Text() string {
	text := c.differences()
	if len(c.Claimed) > 0 {
		text += " That it is one conversation only " + strings.Join(c.Claimed, " and ") + " says, by its translation."
	}
	return text
}

func (c *Conversation) differences() string {
	if list := c.seen(); len(list) == 1 {
		return fmt.Sprintf("Packets pass by %s only: the others know it from the pair.", list[0].Host)
	}
	younger, older, ok := c.Comparable()
	if !ok {
		return fmt.Sprintf("%s has seen it for %s, %s for %s: what they saw cannot be compared.",
			younger.Host, format.Words(younger.Flow.Age), older.Host, format.Words(older.Flow.Age))
	}
	gaps := c.Gaps()
	if len(gaps) == 0 {
		return "No packet was lost between the hosts, as far as that can be told."
	}
	var parts []string
	for i := range gaps {
		parts = append(parts, gaps[i].String())
	}
	return strings.Join(parts, "; ") + "."
}
