package output

import (
	"ctop/internal/conversation"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// conversationDocument is what several hosts see of one conversation. Its directions are
// those of the first flow.
type conversationDocument struct {
	Flows []sightingDocument `json:"flows"`
	// Comparable is set if all of them saw it from the beginning.
	Comparable bool          `json:"comparable"`
	Lost       []gapDocument `json:"lost"`
	Text       string        `json:"text"`
}

type sightingDocument struct {
	ID     string         `json:"id"`
	Host   string         `json:"host"`
	If     string         `json:"if"`
	Turned bool           `json:"turned"`
	Origin volumeDocument `json:"origin"`
	Reply  volumeDocument `json:"reply"`
}

type gapDocument struct {
	Direction string `json:"direction"`
	From      string `json:"from"`
	To        string `json:"to"`
	Packets   uint64 `json:"packets"`
	Of        uint64 `json:"of"`
	Bytes     uint64 `json:"bytes"`
}

// newConversations returns the conversations that have a row in a view, also with flows
// that have none.
func newConversations(v View) (list []conversationDocument) {
	if !v.OfFleet() {
		return nil
	}
	for _, c := range Conversations(v) {
		_, _, ok := c.Comparable()
		d := conversationDocument{Comparable: ok, Lost: []gapDocument{}, Text: c.Text()}
		for i := range c.Sightings {
			s := &c.Sightings[i]
			d.Flows = append(d.Flows, sightingDocument{
				ID: s.Flow.ID.String(), Host: s.Host, If: s.Interface, Turned: s.Turned,
				Origin: volumeOf(s.Half(flow.Origin)), Reply: volumeOf(s.Half(flow.Reply)),
			})
		}
		for _, g := range c.Gaps() {
			d.Lost = append(d.Lost, gapDocument{
				Direction: g.Direction.String(), From: g.From.Host, To: g.To.Host, Packets: g.Packets, Of: g.Of, Bytes: g.Bytes,
			})
		}
		list = append(list, d)
	}
	return list
}

func volumeOf(h *flow.Half) volumeDocument { return volumeDocument{Packets: h.Packets, Bytes: h.Bytes} }

// Conversations returns what several hosts see of the rows of a view. The flows of each are
// in the order of the rows, and those that have no row come last.
func Conversations(v View) (list []conversation.Conversation) {
	rows := make([]*flow.Flow, 0, len(v.Flows))
	shown := make(map[*flow.Flow]bool, len(v.Rows))
	for _, f := range v.Rows {
		shown[f] = true
		rows = append(rows, f)
	}
	for i := range v.Flows {
		if f := &v.Flows[i]; !shown[f] {
			rows = append(rows, f)
		}
	}
	for _, c := range conversation.Find(v.Snapshot, rows) {
		if shown[c.Sightings[0].Flow] {
			list = append(list, c)
		}
	}
	return list
}

// Losses returns a line for each conversation of which packets are lost between the hosts.
func Losses(v View) (lines []string) {
	for _, c := range Conversations(v) {
		if len(c.Gaps()) > 0 {
			lines = append(lines, format.Clean(c.Sightings[0].Flow.Tuple.String()+": "+c.Text()))
		}
	}
	return lines
}
