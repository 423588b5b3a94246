package ui

// layout says which lines the screen has and where the page in the middle
// stands.
type layout struct {
	header, tabs, footer bool
	// prompt is set where a line above the footer is for typing.
	prompt bool
	// tuple is the number of lines for the whole tuple of what is selected.
	tuple int

	bodyY, bodyHeight int
}

// Heights from which on there is room for a line beside the page.
const (
	headerFrom = 2
	footerFrom = 3
	tabsFrom   = 6
	tupleFrom  = 8
	tallFrom   = 16
)

// layoutFor lays out a screen of the given height. One too narrow for its list
// shows the whole tuple of the selected flow in lines of their own.
func layoutFor(height, tuple int) layout {
	l := layout{
		header: height >= headerFrom,
		footer: height >= footerFrom,
		tabs:   height >= tabsFrom,
	}
	switch {
	case height >= tallFrom:
		l.tuple = tuple
	case height >= tupleFrom:
		l.tuple = min(tuple, 1)
	}
	l.bodyY = count(l.header, l.tabs)
	l.bodyHeight = max(height-l.bodyY-l.tuple-count(l.footer), 0)
	return l
}

// tabsY is the line of the tabs.
func (l layout) tabsY() int { return count(l.header) }

func count(lines ...bool) (n int) {
	for _, present := range lines {
		if present {
			n++
		}
	}
	return n
}

func (m *Model) layout() layout {
	l := layoutFor(m.height, m.tupleLines())
	if m.mode == modeFilter && m.height >= tupleFrom {
		l.prompt = true
		l.bodyHeight--
	}
	return l
}

// tupleLines returns how many lines a whole tuple needs besides a list that
// cannot show it, none where the list can.
func (m *Model) tupleLines() int {
	narrow, widest := false, 0
	switch {
	case m.detailOpen() || m.mode == modeHelp:
	case m.view == viewFlows:
		narrow, widest = m.flows.Narrow()
	case m.view == viewEvents:
		narrow, widest = m.log.Narrow()
	}
	switch {
	case !narrow:
		return 0
	case widest > m.width-1:
		return 2
	}
	return 1
}

// place gives the open page its room. It comes after everything that may have
// changed the layout.
func (m *Model) place() {
	l := m.layout()
	switch m.view {
	case viewFlows:
		m.flows.SetSize(m.width, l.bodyHeight)
		if again := m.layout(); again != l {
			l = again
			m.flows.SetSize(m.width, l.bodyHeight)
		}
	case viewTalkers:
		m.talkers.SetSize(m.width, l.bodyHeight)
	case viewOverview:
		m.overview.SetSize(m.width, l.bodyHeight)
	case viewTimeouts:
		m.limits.SetSize(m.width, l.bodyHeight)
	}
	m.log.SetSize(m.width, l.bodyHeight)
	m.detail.SetSize(m.width, l.bodyHeight)
	m.help.SetSize(m.width, l.bodyHeight)
}
