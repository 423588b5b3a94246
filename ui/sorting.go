package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/order"
)

// sortKeys are what flows can be sorted by, with the letter that chooses it.
var sortKeys = [...]struct {
	key    order.Key
	letter string
	name   string
}{
	{order.Proto, "p", "proto"},
	{order.Origin, "o", "origin"},
	{order.Reply, "r", "reply"},
	{order.State, "e", "state"},
	{order.TTL, "t", "ttl"},
	{order.Out, "u", "out"},
	{order.In, "i", "in"},
	{order.Rate, "w", "rate"},
	{order.Total, "a", "total"},
	{order.Age, "g", "age"},
	{order.OutPackets, "k", "packets out"},
	{order.InPackets, "n", "packets in"},
	{order.OutBytes, "b", "bytes out"},
	{order.InBytes, "y", "bytes in"},
	{order.Idle, "d", "idle"},
	{order.RTT, "m", "rtt"},
	{order.Retransmits, "x", "retrans"},
	{order.Reordered, "v", "reordered"},
	{order.Interface, "f", "interface"},
	{order.ID, "#", "id"},
}

// firstSort is what flows are sorted by, the highest first, unless somebody chose
// something else.
const firstSort = order.Rate

func sortName(k order.Key) string {
	for _, s := range sortKeys {
		if s.key == k {
			return s.name
		}
	}
	return ""
}

func (m *Model) handleSortKey(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Enter):
		m.mode = modeNormal
		return nil
	case key.Matches(msg, m.keys.Back, m.keys.Quit):
		m.mode = modeNormal
		return m.sortBy(m.byBefore)
	case key.Matches(msg, m.keys.Reverse):
		return m.reverse()
	case key.Matches(msg, m.keys.DefaultSort):
		m.mode = modeNormal
		return m.sortBy(m.ordered(firstSort))
	case key.Matches(msg, m.keys.Left):
		return m.sortBeside(-1)
	case key.Matches(msg, m.keys.Right, m.keys.Sort):
		return m.sortBeside(1)
	}
	for _, s := range sortKeys {
		if msg.String() == s.letter {
			m.mode = modeNormal
			return m.sortByKey(s.key)
		}
	}
	return nil
}

// sortBeside sorts by a column to the left or right of the present one.
func (m *Model) sortBeside(step int) tea.Cmd {
	keys := m.flows.Keys()
	if len(keys) == 0 {
		return nil
	}
	i := max(slices.Index(keys, m.by.Key), 0)
	return m.sortBy(m.ordered(keys[(i+step+len(keys))%len(keys)]))
}

// sortByKey sorts by a key the way one would expect, or the other way where
// that was so already.
func (m *Model) sortByKey(k order.Key) tea.Cmd {
	if k == m.by.Key {
		return m.reverse()
	}
	return m.sortBy(m.ordered(k))
}

func (m *Model) ordered(k order.Key) order.By {
	return order.By{Key: k, Desc: k.Numeric(), Packets: m.by.Packets}
}

func (m *Model) reverse() tea.Cmd {
	by := m.by
	by.Desc = !by.Desc
	return m.sortBy(by)
}

func (m *Model) sortBy(by order.By) tea.Cmd {
	m.by = by
	m.flows.SetBy(by)
	return m.rearrange()
}
