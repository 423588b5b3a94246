package ui

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
	"ctop/ui/table"
)

// askDelete asks about one flow.
func (m *Model) askDelete(f *flow.Flow) {
	if f = m.living(f); f == nil {
		return
	}
	m.ask(confirm.Question{
		Title: "delete 1 flow?",
		Lines: []string{table.TupleText(f), f.State.String(), m.consequence()},
		Verb:  "delete it", Keep: "keep it",
		Yes: m.delete([]flow.Ref{f.Ref()}),
	})
}

// surveyMarked looks up the marked flows to ask about them, also those that the
// filter hides.
func (m *Model) surveyMarked() tea.Cmd {
	if m.shown == nil {
		return nil
	}
	marked := make(map[flow.ID]bool, len(m.marked))
	for id := range m.marked {
		marked[id] = true
	}
	return survey(order.All(m.shown), func(id flow.ID) bool { return marked[id] }, false)
}

// surveyShown looks up all the flows that the filter shows to ask about them.
func (m *Model) surveyShown() tea.Cmd {
	ended := m.endedReasons()
	rows := m.flows.Rows()
	return survey(slices.Values(rows), func(id flow.ID) bool {
		_, gone := ended[id]
		return !gone
	}, true)
}

func survey(flows iter.Seq[*flow.Flow], wanted func(flow.ID) bool, all bool) tea.Cmd {
	return func() tea.Msg {
		return surveyedMsg{survey: order.NewSurvey(flows, wanted), all: all}
	}
}

// handleSurveyed asks. A mode that was entered meanwhile is not disturbed.
func (m *Model) handleSurveyed(msg surveyedMsg) {
	count := len(msg.survey.Refs)
	if m.mode != modeNormal {
		return
	}
	if count == 0 {
		m.warn("there is no flow to delete")
		return
	}
	q := confirm.Question{
		Title: "delete " + format.Plural(count, "flow") + "?",
		Lines: []string{m.chosenBy(msg.all), stateCounts(msg.survey), m.consequence()},
		Verb:  "delete them", Keep: "keep them",
		Yes: m.delete(msg.survey.Refs),
	}
	if msg.all {
		q.Type = strconv.Itoa(count)
	}
	m.ask(q)
}

// chosenBy says what the flows to be deleted have in common.
func (m *Model) chosenBy(all bool) string {
	switch {
	case !all:
		return "marked"
	case m.filter.Empty():
		return "no filter: every flow of the table"
	}
	return "filter  " + format.Clean(m.filter.String())
}

func stateCounts(s order.Survey) string {
	var parts []string
	for _, state := range flow.States() {
		if n := s.ByState[state]; n > 0 {
			parts = append(parts, format.Count(n)+" "+state.String())
		}
	}
	return strings.Join(parts, " · ")
}

// consequence says what deleting means under the tracker's policy.
func (m *Model) consequence() string {
	if m.latest == nil {
		return DeletingMeans(flow.PolicyObserve)
	}
	return DeletingMeans(m.latest.Policy)
}

// DeletingMeans says what becomes of flows that are deleted under a policy.
func DeletingMeans(p flow.Policy) string {
	if p == flow.PolicyEnforce {
		return "enforce: TCP is cut off, anything else begins anew"
	}
	return "observe: forgotten only, the next packet picks a flow up again"
}

func (m *Model) ask(q confirm.Question) {
	m.back, m.mode = m.mode, modeConfirm
	m.question = confirm.New(m.theme, q)
}

func (m *Model) handleConfirmKey(msg tea.KeyMsg) tea.Cmd {
	q := m.question.Question()
	if q.Type != "" {
		return m.handleTypedAnswer(msg, q)
	}
	switch {
	case key.Matches(msg, m.keys.Yes):
		m.mode = m.back
		return q.Yes
	case key.Matches(msg, m.keys.No):
		m.mode = m.back
	}
	return nil
}

func (m *Model) handleTypedAnswer(msg tea.KeyMsg, q confirm.Question) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Back):
		m.mode = m.back
	case !key.Matches(msg, m.keys.Enter):
		m.question.Update(msg)
	case m.question.Typed():
		m.mode = m.back
		return q.Yes
	}
	return nil
}

// delete returns what ends the flows.
func (m *Model) delete(refs []flow.Ref) tea.Cmd {
	return m.act(flow.Deletion(refs...), func(o flow.Outcome, err error) doneMsg {
		msg := doneMsg{text: deleted(o), err: err, deleted: refs}
		if o.Done > 0 {
			msg.noted = deletedNote(refs, o)
		}
		return msg
	})
}

// deletedNote names the flow where it was only one.
func deletedNote(refs []flow.Ref, o flow.Outcome) string {
	if len(refs) == 1 {
		return "deleted " + refs[0].Tuple.String()
	}
	return deleted(o)
}

func deleted(o flow.Outcome) string {
	text := "deleted " + format.Plural(o.Done, "flow")
	if o.Gone > 0 {
		text += fmt.Sprintf(", %s already gone", format.Count(o.Gone))
	}
	return text
}
