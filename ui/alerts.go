package ui

import (
	"ctop/internal/alert"
	"ctop/tracker/flow"
	"ctop/ui/page"
)

// noteNews writes into the log of events what was never there before.
func (m *root) noteNews(s *flow.Snapshot) {
	var lines page.NoticesTaken
	for _, n := range s.News {
		if n.Number > m.newsRead {
			lines = append(lines, Notice{Time: n.Time, Text: n.Text})
			m.newsRead = n.Number
		}
	}
	if lines != nil {
		m.frame.Broadcast(lines)
	}
}

// noteAlerts writes into the log of events which alerts began and ended, and rings.
func (m *root) noteAlerts(before, after *flow.Snapshot) {
	var was []flow.Alert
	if before != nil {
		was = before.Alerts
	}
	if len(was)+len(after.Alerts) == 0 {
		return
	}
	lines, ring := alert.Changes(was, after.Alerts, after.Time)
	for _, line := range lines {
		m.frame.Note(line)
	}
	if ring {
		_, _ = m.options.renderer.Output().WriteString("\a") // a terminal that is gone is noticed elsewhere
	}
}
