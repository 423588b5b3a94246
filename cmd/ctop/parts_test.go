package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/alert"
	"ctop/internal/capture"
	"ctop/internal/firstseen"
	"ctop/tracker/flow"
)

// A speed is a number that is not too large.
func TestSpeedValue(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "1": 1, "0.5": 0.5, "1000000": 1e6, "1e3": 1000} {
		var v speedValue
		if err := v.Set(text); err != nil || float64(v) != want {
			t.Errorf("%q is %s, %v", text, &v, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "-0.1", "1000001", "NaN", "Inf"} {
		v := speedValue(2)
		if err := v.Set(text); err == nil || v.String() != "2" {
			t.Errorf("%q is %s", text, &v)
		}
	}
}

// What was learned is kept only where something is learned; what is new is marked before
// alerts look at it, and both are counted as work.
func TestFirstSeenFlags(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	getenv := func(string) string { return "" }
	for _, c := range []struct {
		f       firstSeenFlags
		refused bool
		learns  bool
	}{
		{firstSeenFlags{}, false, false}, {firstSeenFlags{keep: true}, true, false}, {firstSeenFlags{learn: durationValue(time.Hour)}, false, true},
	} {
		if err := c.f.check(); (err != nil) != c.refused {
			t.Errorf("%+v: %v", c.f, err)
		}
		w := c.f.watch(getenv, []string{"eth0"}, log)
		if (w != nil) != c.learns {
			t.Errorf("%+v learns: %t", c.f, w != nil)
		}
		if err := closeNews(w); err != nil {
			t.Error(err)
		}
	}
	dir := t.TempDir()
	kept := firstSeenFlags{learn: durationValue(time.Nanosecond), keep: true}
	state := func(name string) string {
		if name == "XDG_STATE_HOME" {
			return dir
		}
		return ""
	}
	w := kept.watch(state, []string{"eth0", "eth1"}, log)
	s := (&server{flows: []flow.Flow{aFlow(1, flow.ProtocolTCP)}}).Snapshot()
	w.Look(s)
	if err := closeNews(w); err != nil {
		t.Fatal(err)
	}
	var found []string
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			found = append(found, d.Name())
		}
		return nil
	})
	if !slices.Contains(found, "usual-eth0+eth1") {
		t.Errorf("it is kept in %s", found)
	}
	var damaged bytes.Buffer
	place := filepath.Join(statePlace(state), "usual-eth0")
	if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o700), os.WriteFile(place, []byte("rubbish"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w = kept.watch(state, []string{"eth0"}, slog.New(slog.NewTextHandler(&damaged, nil)))
	if w == nil || !strings.Contains(damaged.String(), "learn again") {
		t.Errorf("a damaged file: %s", &damaged)
	}
}

// Every snapshot is looked at by what wants to.
func TestOnSnapshot(t *testing.T) {
	if onSnapshot(nil, nil) != nil {
		t.Error("nobody looks, and it is called")
	}
	s := func() *flow.Snapshot { return (&server{flows: []flow.Flow{aFlow(1, flow.ProtocolTCP)}}).Snapshot() }
	news, err := firstseen.NewWatch(firstseen.Options{Learn: time.Hour, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = news.Close() }()
	alerts := alert.NewWatch(nil, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		news   *firstseen.Watch
		alerts *alert.Watch
	}{{news, nil}, {nil, alerts}, {news, alerts}} {
		if took := onSnapshot(c.news, c.alerts)(s()); took < 0 || took > time.Minute {
			t.Errorf("it took %s", took)
		}
	}
}

// The renderer sees the environment but for NO_COLOR, and tmux as what it is.
func TestColorBlind(t *testing.T) {
	variables := map[string]string{"NO_COLOR": "1", "TERM": "screen-256color", "LANG": "C"}
	c := colorBlind{env{getenv: func(name string) string { return variables[name] }}}
	for _, tmux := range []string{"", "/tmp/tmux"} {
		variables["TMUX"] = tmux
		want := "screen-256color"
		if tmux != "" {
			want = "tmux"
		}
		if got := c.Getenv("TERM"); got != want || c.Getenv("NO_COLOR") != "" || c.Getenv("LANG") != "C" || len(c.Environ()) != 0 {
			t.Errorf("in tmux %q it is %q", tmux, got)
		}
	}
}

// The first signal to hand over is heeded, once, until it is stopped.
func TestOnHandOver(t *testing.T) {
	var told atomic.Int32
	heard := make(chan struct{}, 8)
	stop := onHandOver(func() { told.Add(1); heard <- struct{}{} })
	if err := unix.Kill(os.Getpid(), handOver); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(waitTimeout):
		t.Fatal("it is not heard")
	}
	stop()
	if told.Load() != 1 {
		t.Errorf("it is heard %d times", told.Load())
	}
}

// Captures of a service are nobody else's to read.
func TestPlaceOfCaptures(t *testing.T) {
	s := &service{place: t.TempDir()}
	dir, err := s.captures()
	if info, failed := os.Stat(dir); err != nil || failed != nil || dir != filepath.Join(s.place, "captures") || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", dir, err, failed)
	}
	if s.observer() != nil {
		t.Error("without an exporter somebody hears of every event")
	}
}

// The version is the release, or what the build says of itself.
func TestBuildVersion(t *testing.T) {
	before := release
	defer func() { release = before }()
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, c := range []struct {
		release string
		info    *debug.BuildInfo
		want    string
	}{
		{"", nil, "unknown"},
		{"v1", nil, "v1"},
		{"v1", built("v2"), "v1"},
		{"", built("v2"), "v2"},
		{"", built(""), "devel"},
		{"", built("(devel)"), "devel"},
		{"", built("(devel)", revision), "devel-0123456789ab"},
		{"", built("(devel)", revision, modified), "devel-0123456789ab-modified"},
		{"", built("(devel)", debug.BuildSetting{Key: "vcs.revision", Value: "0123"}, debug.BuildSetting{Key: "vcs.modified", Value: "false"}), "devel-0123"},
	} {
		release = c.release
		if got := buildVersion(c.info); got != c.want {
			t.Errorf("%q, %+v: %s, want %s", c.release, c.info, got, c.want)
		}
	}
}

// What was passed over in a capture is said in words, in an order that stays.
func TestSkippedWords(t *testing.T) {
	for _, c := range []struct {
		s     capture.Skipped
		short int
		want  string
	}{
		{capture.Skipped{}, 0, "it has none"},
		{capture.Skipped{}, 1, "it has 1 packet that no interface could have received"},
		{capture.Skipped{Empty: 1}, 2, "it has 1 packet without IP in the clear"},
		{capture.Skipped{Short: 2}, 0, "it has 2 packets captured without the whole of their headers (a larger snap length shows them)"},
		{
			capture.Skipped{Links: map[int]int{9: 1, 7: 2}, Short: 1, Empty: 3},
			0,
			"it has 2 packets of link type 7 (tcpdump.org/linktypes.html), 1 packet of link type 9 (tcpdump.org/linktypes.html), " +
				"1 packet captured without the whole of their headers (a larger snap length shows them), 3 packets without IP in the clear",
		},
	} {
		if got := whyNothing(c.s, c.short); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
	if got := fmt.Sprint(errNothingRead("a", "it has none")); got != "replay a: no packet was read: it has none: name a capture of packets that carry IP" {
		t.Error(got)
	}
}
