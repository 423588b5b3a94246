package tracker

import (
	"context"
	"errors"
	"strings"
	"time"

	"ctop/tracker/flow"
	"ctop/tracker/netdev"
)

const (
	// lookEvery is the interval of checks without a message from the kernel.
	// Messages can be lost, and the kernel sends none for a detached program.
	lookEvery = time.Second
	// settleTime is the delay after a message. An interface is usually
	// recreated in steps: create the pair, move one end, set it up.
	settleTime = 200 * time.Millisecond
)

// maintenance keeps a tracker's programs attached.
type maintenance struct {
	tracker *Tracker
	// trouble is the last logged text about problems.
	trouble string
	// mtus is the last logged text about MTUs.
	mtus string
	// behind is the last logged text about programs before the tracker's.
	behind string
	// uses are the last logged uses of the interfaces by the machine.
	uses []string
}

// run checks the interfaces until ctx is done, when the kernel reports a change
// and once a second. Between that it corrects the owners of flows.
func (m *maintenance) run(ctx context.Context, report func(flow.Warnings)) error {
	t := m.tracker
	changes := make(chan struct{}, 1)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	correct := correction{tracker: t, pause: correctEvery}
	soon := time.NewTicker(correctSoon)
	defer soon.Stop()
	var links, addresses <-chan struct{}
	for due := true; ; {
		if links == nil {
			links = t.attachments.ListenToLinks(ctx, changes)
		}
		if addresses == nil {
			addresses = netdev.ListenToAddresses(ctx, changes)
		}
		if due && !t.Gone() {
			report(m.reattach())
			m.logUses()
			m.logMTUs()
			m.logBehind()
		}
		due = true
		select {
		case <-ctx.Done():
			return nil
		case <-soon.C:
			due = false
			correct.look(ctx)
			continue
		case <-tick.C:
			continue
		case <-links: // something was missed
			links = nil
		case <-addresses:
			addresses = nil
		case <-changes:
			t.attachments.Withhold()
		}
		if !settle(ctx) {
			return nil
		}
		t.attachments.ForgetUses()
		t.attachments.UpdateLocals()
		select {
		case <-changes: // looked at now, too
		default:
		}
	}
}

// settle waits until a changing interface has settled. It returns false if ctx
// ends first.
func settle(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(settleTime):
		return true
	}
}

// reattach checks the interfaces if this process owns the tracker. It returns
// warnings about their problems.
func (m *maintenance) reattach() flow.Warnings {
	t := m.tracker
	if !t.hold.Owned() && !t.inherit() {
		return nil
	}
	done, err := t.attachments.Reattach()
	var more flow.Warnings
	if follow := t.hold.Follow(); follow != nil {
		came, warnings, failed := t.attachments.Follow(*follow)
		done, more, err = append(done, came...), warnings, errors.Join(err, failed)
	}
	for _, what := range done {
		t.log.Info(what)
	}
	if err == nil {
		m.trouble = ""
		return more
	}
	if text := err.Error(); text != m.trouble {
		m.trouble = text
		t.log.Warn(strings.ReplaceAll(text, "\n", "; "))
	}
	return more.Add(flow.Warning{Kind: flow.WarningInterfaces, Detail: err.Error()})
}

// inherit makes this process the owner of a tracker without one, and reports
// whether it is the owner.
func (t *Tracker) inherit() bool {
	if !t.Joined() || t.awaitsPair() {
		return false
	}
	if t.hold.Adopt(); !t.hold.Owned() {
		return false
	}
	if !t.hold.Whole() { // the owner was killed while it ended the tracker
		if err := errors.Join(t.hold.Remove(t.attachments.Links())...); err != nil {
			t.log.Error("remove the rest of the tracker", "error", err)
		}
		return false
	}
	t.log.Info("took over the tracker: its owner is gone")
	if err := t.upgrade(true); err != nil {
		t.log.Error("the tracker continues with the programs of another version", "error", err)
	}
	for _, note := range t.findProcesses(context.Background()) {
		t.log.Warn(note)
	}
	return true
}

// awaitsPair reports whether the tracker is left to the ctop that tells the partner of its
// pair: one that is started again refuses a tracker that a console has taken over.
func (t *Tracker) awaitsPair() bool {
	now, err := t.objects.Now()
	if err != nil {
		return false
	}
	t.hold.Refresh()
	d := t.hold.Description()
	return d.AwaitsPair(now)
}

// logUses logs changes in the machine's use of the interfaces.
func (m *maintenance) logUses() {
	if netdev.IsWatch(m.tracker.hold.Points()) {
		return // the machine is meant to use them
	}
	now := m.tracker.attachments.Uses()
	if m.uses == nil {
		m.uses = make([]string, len(now))
	}
	for i, p := range netdev.PerInterface(m.tracker.hold.Points()) {
		switch {
		case now == nil || now[i] == m.uses[i]:
		case now[i] != "":
			m.tracker.log.Warn(netdev.UsedWarning(p.Name, now[i]).String()+", since the tracker takes every packet", "interface", p.Name)
		default:
			m.tracker.log.Info("the machine no longer uses "+p.Name, "interface", p.Name)
		}
	}
	if now != nil {
		m.uses = now
	}
}

// logMTUs logs MTUs that changed and differ.
func (m *maintenance) logMTUs() {
	text := strings.Join(m.tracker.attachments.MTUWarnings().Sentences(), "; ")
	if text != m.mtus && text != "" {
		m.tracker.log.Warn(text)
	}
	m.mtus = text
}

// logBehind logs programs that come to stand before the tracker's.
func (m *maintenance) logBehind() {
	text := strings.Join(m.tracker.attachments.BehindNow().Sentences(), "; ")
	if text != m.behind && text != "" {
		m.tracker.log.Warn(text)
	}
	m.behind = text
}
