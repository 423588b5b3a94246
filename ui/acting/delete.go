package acting

import (
	"fmt"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
	"ctop/ui/table"
)

// askDelete asks about one flow.
func (a *Acts) askDelete(f Flow) {
	now := a.living(f)
	if now == nil {
		return
	}
	a.askOne("delete", now, a.consequence(), a.delete([]flow.Ref{now.Ref()}))
}

// askOne asks about one flow. means describes the effect of the act.
func (a *Acts) askOne(verb string, f *flow.Flow, means string, yes tea.Cmd) {
	confirm.Ask(a.frame, confirm.Question{
		Title: verb + " 1 flow?",
		Lines: []string{table.TupleText(f), f.State.String(), means},
		Verb:  verb + " it", Keep: "keep it",
		Yes: yes,
	})
}

// AskDeleteAll asks about deleting many flows. With count, the operator must type
// their number. It does nothing if the operator has opened something else since the
// survey.
func (a *Acts) AskDeleteAll(s order.Survey, chosenBy string, count bool) {
	q := confirm.Question{
		Lines: []string{chosenBy, stateCounts(s), a.consequence()},
		Yes:   a.delete(s.Refs),
	}
	if count {
		q.Type = strconv.Itoa(len(s.Refs))
	}
	a.askAll("delete", s, q)
}

// askAll asks about many flows. It warns if there are none, and does nothing if the
// operator has opened something else since the survey.
func (a *Acts) askAll(verb string, s order.Survey, q confirm.Question) {
	switch {
	case !a.frame.Idle():
		return
	case len(s.Refs) == 0:
		a.frame.Warn("there is no flow to " + verb)
		return
	}
	q.Title = verb + " " + format.Plural(len(s.Refs), "flow") + "?"
	q.Verb, q.Keep = verb+" them", "keep them"
	confirm.Ask(a.frame, q)
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

// consequence returns the effect of deleting under the tracker's policy.
func (a *Acts) consequence() string {
	return DeletingMeans(a.frame.Latest)
}

// DeletingMeans returns the effect of deleting flows of a tracker, which may be nil. One of a
// pair does not know whether what it lacks began at its partner.
func DeletingMeans(s *flow.Snapshot) string {
	switch {
	case s == nil || s.Policy != flow.PolicyEnforce:
		return "observe: forgotten only, the next packet picks a flow up again"
	case s.Pair.State != flow.PairNone && s.Pair.State != flow.PairAlone:
		return "a pair: forgotten only, the next packet picks a flow up again"
	}
	return "enforce: TCP is cut off, anything else begins anew"
}

// delete returns a command that ends flows.
func (a *Acts) delete(refs []flow.Ref) tea.Cmd {
	return a.act(flow.Deletion(refs...), func(o flow.Outcome, err error) outcome {
		result := outcome{text: deleted(o), err: err, deleted: refs}
		if o.Done > 0 {
			result.note = noteOf("deleted", refs, result.text)
		}
		return result
	})
}

// noteOf returns a notice that names a single flow, or the text for several flows.
func noteOf(verb string, refs []flow.Ref, text string) string {
	if len(refs) == 1 {
		return verb + " " + refs[0].Tuple.String()
	}
	return text
}

func deleted(o flow.Outcome) string {
	text := "deleted " + format.Plural(o.Done, "flow")
	if o.Gone > 0 {
		text += fmt.Sprintf(", %s already gone", format.Count(o.Gone))
	}
	return text
}
