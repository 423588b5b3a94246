package table

import (
	"strconv"

	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Met is what the table shows of a row whose conversation several hosts see.
type Met struct {
	// More is how many flows stand behind the row. Below is set for those below it.
	More  int
	Below bool
	// Lost is set if packets were lost between the hosts.
	Lost bool
}

// SetMet sets what is shown of rows that several hosts see. The table keeps the map.
func (m *Model) SetMet(met map[flow.ID]Met) { m.met = met }

// hostText returns the host of a row, and what is known of the others: how many flows stand
// behind it, and that packets were lost.
func (m *Model) hostText(f *flow.Flow, width int) string {
	text, met := m.textOf(f, on), m.met[f.ID]
	behind := ""
	if met.More > 0 {
		behind = " +" + strconv.Itoa(met.More)
	}
	if met.Lost {
		behind += " !"
	}
	if met.Below {
		text = "└ " + text
	}
	return format.Cut(text, max(width-format.Width(behind), 0)) + behind
}
