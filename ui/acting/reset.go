package acting

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui/confirm"
)

// askReset asks about one flow.
func (a *Acts) askReset(f Flow) {
	now := a.living(f)
	if now == nil {
		return
	}
	if now.Tuple.Proto != flow.ProtocolTCP {
		a.frame.Warn(now.Tuple.Proto.String() + " cannot be reset: only TCP can")
		return
	}
	refs := []flow.Ref{now.Ref()}
	a.askOne("reset", now, ResettingMeans(refs), a.reset(refs))
}

// AskResetAll asks about resetting many flows. It does nothing if the operator has
// opened something else since the survey.
func (a *Acts) AskResetAll(s order.Survey, chosenBy string) {
	a.askAll("reset", s, confirm.Question{
		Lines: []string{chosenBy, stateCounts(s), ResettingMeans(s.Refs)},
		Yes:   a.reset(s.Refs),
	})
}

// ResettingMeans returns the effect of resetting flows.
func ResettingMeans(refs []flow.Ref) string {
	means, others := "both ends see: connection reset by peer", 0
	if len(refs) > 0 && refs[0].Tuple.Zone != 0 {
		means += ", or aborted on this machine"
	}
	for _, ref := range refs {
		if ref.Tuple.Proto != flow.ProtocolTCP {
			others++
		}
	}
	if others > 0 {
		return means + "; " + format.Count(others) + " not TCP stay"
	}
	return means
}

// reset returns a command that ends flows at both ends.
func (a *Acts) reset(refs []flow.Ref) tea.Cmd {
	return a.act(flow.Reset(refs...), func(o flow.Outcome, err error) outcome {
		result := outcome{text: ResetText(o), err: err, ended: refs}
		if o.Done > 0 {
			result.note = noteOf("reset", refs, result.text)
		}
		return result
	})
}

// ResetText returns the result of a reset as a text.
func ResetText(o flow.Outcome) string {
	parts := []string{"reset " + format.Plural(o.Done, "flow")}
	for _, rest := range []struct {
		n    int
		what string
	}{
		{o.Gone, "already gone"},
		{o.NotTCP, "not TCP, which cannot be reset"},
		{o.Unsent, "not reached"},
		{o.Alive, "still alive"},
	} {
		if rest.n > 0 {
			parts = append(parts, format.Count(rest.n)+" "+rest.what)
		}
	}
	text := strings.Join(parts, ", ")
	if o.NoDestroy {
		text += "; this kernel cannot end sockets (CONFIG_INET_DIAG_DESTROY), so its own ends were sent a RST, too"
	}
	return text
}
