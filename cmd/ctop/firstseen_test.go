package main

import (
	"log/slog"
	"testing"
	"time"

	"ctop/internal/alert"
	"ctop/internal/firstseen"
	"ctop/tracker/flow"
)

// An alert sees what was marked as new in the same snapshot, and the collector is told how
// long both looked.
func TestNewIsMarkedBeforeAlertsLook(t *testing.T) {
	var rules alert.Rules
	for _, setting := range []string{"new.filter=first-seen", "new.count=1"} {
		if err := rules.Set(setting); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	alerts := alert.NewWatch(rules.All(), log)
	news, err := firstseen.NewWatch(firstseen.Options{Learn: time.Second, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	look := onSnapshot(news, alerts)
	at := func(second int, to ...string) *flow.Snapshot {
		s := &flow.Snapshot{Time: time.Unix(int64(second), 0)}
		for i, end := range to {
			s.Flows = append(s.Flows, flow.Flow{
				ID: flow.ID(i + 1), State: flow.StateEstablished,
				Tuple:  flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:40000"), Dst: flow.MustParseEnd(end)},
				Origin: flow.Half{Packets: 2, WindowKnown: true}, Reply: flow.Half{Packets: 1, WindowKnown: true},
			})
		}
		return s
	}
	for second := range 4 {
		if s := at(second, "10.0.0.2:22"); look(s) <= 0 || len(s.Alerts) != 0 {
			t.Fatalf("second %d has the alerts %v", second, s.Alerts)
		}
	}
	if s := at(4, "10.0.0.2:22", "192.0.2.9:23"); look(s) <= 0 || len(s.Alerts) != 1 || s.Alerts[0].Flows != 1 {
		t.Errorf("the new flow has the alerts %+v", s.Alerts)
	}
	if onSnapshot(nil, nil) != nil {
		t.Error("nobody looks, and there is a function")
	}
	s := at(5)
	if onSnapshot(nil, alerts)(s); len(s.Alerts) != 0 {
		t.Errorf("without flows the alert goes on: %+v", s.Alerts)
	}
}
