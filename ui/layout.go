package ui

// layout says which lines the screen has and where the page in the middle
// stands.
type layout struct {
	header, tabs, footer bool
	// prompt is the number of lines above the footer that a prompt has.
	prompt int
	// aside is the number of lines for what the list has no room for of what
	// is selected.
	aside int

	bodyY, bodyHeight int
}

// Heights from which on there is room for a line beside the page.
const (
	headerFrom = 2
	footerFrom = 3
	tabsFrom   = 6
	asideFrom  = 8
	asidesFrom = 10
	tallFrom   = 16
)

// layoutFor lays out a screen of the given height. One too narrow for its list
// shows in lines of their own what it leaves out of the selected flow.
func layoutFor(height, aside int) layout {
	l := layout{
		header: height >= headerFrom,
		footer: height >= footerFrom,
		tabs:   height >= tabsFrom,
	}
	switch {
	case height >= tallFrom:
		l.aside = aside
	case height >= asidesFrom:
		l.aside = min(aside, 2)
	case height >= asideFrom:
		l.aside = min(aside, 1)
	}
	l.bodyY = count(l.header, l.tabs)
	l.bodyHeight = max(height-l.bodyY-l.aside-count(l.footer), 0)
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
	tuple, terse := m.asideLines()
	l := layoutFor(m.height, tuple+count(terse))
	if m.height >= asideFrom {
		l.prompt = min(m.promptLines(), l.bodyHeight/2)
		l.bodyHeight -= l.prompt
	}
	return l
}

// promptLines returns how many lines the open prompt needs above the footer.
func (m *Model) promptLines() int {
	switch m.mode {
	case modeFilter:
		return 1
	case modeSort:
		return len(m.sortLines()) - 1
	}
	return 0
}

// asideLines returns how many lines a whole tuple needs besides a list that
// cannot show it, none where the list can, and whether its facts need another.
func (m *Model) asideLines() (tuple int, terse bool) {
	narrow, widest := false, 0
	switch {
	case m.detailOpen() || m.mode == modeHelp || m.mode == modeConfirm:
	case m.view == viewFlows:
		narrow, widest = m.flows.Narrow()
		terse = m.flows.Terse()
	case m.view == viewEvents:
		narrow, widest = m.log.Narrow()
	}
	switch {
	case !narrow:
		return 0, terse
	case widest > m.width-1:
		return 2, terse
	}
	return 1, terse
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
