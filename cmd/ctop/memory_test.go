package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/filter"
	"ctop/internal/order"
	"ctop/tracker/flow"
	"ctop/ui"
)

// remembering returns an environment with a state directory of its own, and what
// is noted in it.
func remembering(t *testing.T) (e env, dir string, notes *bytes.Buffer) {
	t.Helper()
	dir, notes = t.TempDir(), new(bytes.Buffer)
	return env{stderr: notes, getenv: func(name string) string {
		return map[string]string{"XDG_STATE_HOME": dir}[name]
	}}, dir, notes
}

func TestMemory(t *testing.T) {
	e, dir, notes := remembering(t)
	m := e.remember()
	m.keep(ui.Settings{Sort: "age:asc"}, ui.Settings{Sort: "age:asc"})
	if _, err := os.Stat(filepath.Join(dir, "ctop")); err == nil {
		t.Error("nothing was chosen, and something was written")
	}
	// --sort age:asc --names were on the command line, and packets were chosen.
	m.saved.Sort = "in:desc"
	m.keep(ui.Settings{Sort: "age:asc", Names: true}, ui.Settings{Sort: "age:asc", Names: true, Rates: "packets"})
	if got := e.remember().saved; got.Sort != "in:desc" || got.Names || got.Rates != "packets" {
		t.Errorf("remembered %+v", got)
	}
	if notes.Len() > 0 {
		t.Errorf("noted %q", notes)
	}
}

func TestMemoryInvalid(t *testing.T) {
	e, dir, notes := remembering(t)
	file := filepath.Join(dir, "ctop", "console.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.remember()
	if !strings.Contains(notes.String(), "remove "+file) || strings.Count(notes.String(), "\n") != 1 {
		t.Errorf("noted %q", notes)
	}
}

// What lies in the way of the settings is not written to, wherever it leads.
func TestMemoryFollowsNoLink(t *testing.T) {
	e, dir, notes := remembering(t)
	elsewhere := filepath.Join(dir, "elsewhere")
	if err := errors.Join(os.WriteFile(elsewhere, []byte("{}"), 0o600), os.Mkdir(filepath.Join(dir, "ctop"), 0o700)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ctop", "console.json")
	if err := os.Symlink(elsewhere, file); err != nil {
		t.Fatal(err)
	}
	e.remember().keep(ui.Settings{}, ui.Settings{Sort: "age:asc"})
	if text, err := os.ReadFile(elsewhere); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o600 || e.remember().saved.Sort != "age:asc" || notes.Len() > 0 {
		t.Errorf("%v, %v, %q", info, err, notes)
	}
}

// The console begins with every order that --sort takes, and spells it the same way.
func TestSortInConsole(t *testing.T) {
	for _, key := range append(order.Keys(), "packets out", "pkt-out", "in") {
		var v sortValue
		if err := v.Set(key + ":asc"); err != nil {
			t.Fatal(err)
		}
		if got := ui.New(nil, ui.WithNoColor(), ui.WithSort(v.String())).Settings().Sort; got != v.String() {
			t.Errorf("%s is %s in the console", v.String(), got)
		}
	}
}

// A demo does not begin in the order that another console was left in, and a flag
// is stronger than what was left.
func TestSortAtTheBeginning(t *testing.T) {
	wanted := sortValue{}
	if err := wanted.Set("age:asc"); err != nil {
		t.Fatal(err)
	}
	e, _, _ := remembering(t)
	e.stdout = io.Discard
	saved := ui.Settings{Sort: "state:asc", Rates: "packets"}
	for want, look := range map[string]consoleFlags{
		"state:asc": {noColor: true},
		"rate:desc": {noColor: true, forget: true},
		"age:asc":   {noColor: true, sort: &wanted},
	} {
		got, rates := ui.New(nil, look.options(e, watchedInput{}, saved)...).Settings(), "packets"
		if look.forget {
			rates = "bits"
		}
		if got.Sort != want || got.Rates != rates {
			t.Errorf("begins with %+v, not with %s", got, want)
		}
	}
}

// The console of a demo neither begins as another one was left nor leaves anything.
func TestDemoSavesNothing(t *testing.T) {
	e, _, _ := remembering(t)
	e.stdin, e.stdout = strings.NewReader(""), io.Discard
	verbose := false
	c := &demoCommand{env: e}
	if err := c.check(newDemoCommand(e, &verbose), false); err == nil || !strings.Contains(err.Error(), "not a terminal") {
		t.Errorf("without a terminal: %v", err)
	}
	if !c.look.forget {
		t.Error("it saves what is left")
	}
}

// Names are shown where they were, where a flag says so, and where the filter needs them.
func TestNamesAtTheBeginning(t *testing.T) {
	e, _, _ := remembering(t)
	e.stdout = io.Discard
	named, err := filter.ParseNamed("host:www.example.com")
	if err != nil || !named.WantsNames() {
		t.Fatal(named, err)
	}
	for _, tt := range []struct {
		look        consoleFlags
		saved, want bool
	}{
		{consoleFlags{noColor: true}, false, false},
		{consoleFlags{noColor: true}, true, true},
		{consoleFlags{noColor: true, names: namesShown}, false, true},
		{consoleFlags{noColor: true, filter: named}, false, true},
		{consoleFlags{noColor: true, numeric: true}, true, false},
		{consoleFlags{noColor: true, numeric: true, filter: named}, true, true},
	} {
		got := ui.New(nil, tt.look.options(e, watchedInput{}, ui.Settings{Names: tt.saved})...).Settings()
		if got.Names != tt.want {
			t.Errorf("%+v, saved %t: names are %t", tt.look, tt.saved, got.Names)
		}
	}
}

// TestMemoryShared has two consoles of one operator. Neither undoes what the other
// chose.
func TestMemoryShared(t *testing.T) {
	e, _, notes := remembering(t)
	one, other := e.remember(), e.remember()
	began := ui.Settings{Sort: "in:desc", Rates: "bits", Theme: "auto"}
	chosen := began
	chosen.Rates = "packets"
	one.keep(began, chosen)
	chosen = began
	chosen.Theme = "dark"
	other.keep(began, chosen)
	if got := e.remember().saved; got.Rates != "packets" || got.Theme != "dark" || got.Sort != "" {
		t.Errorf("remembered %+v", got)
	}
	if notes.Len() > 0 {
		t.Errorf("noted %q", notes)
	}
}

// TestExportTwice exports one snapshot more than once, as an operator does who
// changes the filter while paused.
func TestExportTwice(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	s := &flow.Snapshot{Time: time.Date(2026, 11, 22, 21, 4, 5, 0, time.UTC)}
	for _, want := range []string{"ctop-20261122T210405.000Z.json", "ctop-20261122T210405.000Z-2.json", "ctop-20261122T210405.000Z-3.json"} {
		where, err := exportJSON(s, nil)
		if err != nil || where != filepath.Join(dir, want) {
			t.Errorf("wrote %q, %v, want %q", where, err, want)
		}
	}
}

// TestExportOthers exports events and talkers, each as data that other programs read.
func TestExportOthers(t *testing.T) {
	t.Chdir(t.TempDir())
	tuple := flow.Tuple{Proto: flow.ProtocolTCP, Src: flow.MustParseEnd("10.0.0.1:1"), Dst: flow.MustParseEnd("10.0.0.2:443")}
	where, err := exportEvents([]flow.Event{{ID: 1, Type: flow.EventNew, Tuple: tuple}, {ID: 2, Type: flow.EventDestroy, Tuple: tuple}})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(where); err != nil || strings.Count(string(text), "\n") != 2 || strings.Count(string(text), `"dst":"10.0.0.2"`) != 2 {
		t.Errorf("%s, %v", text, err)
	}
	s := &flow.Snapshot{Flows: []flow.Flow{{Tuple: tuple, Origin: flow.Half{Packets: 3, Bytes: 300, BPS: 80}}}}
	where, err = exportGroups(order.Talk(order.GroupRequest{Snapshot: s, Grouping: order.ByPair}))
	if err != nil {
		t.Fatal(err)
	}
	want := "by,name,flows,out_packets,in_packets,out_bytes,in_bytes,out_bps,in_bps,filter\n" +
		"pair,10.0.0.1 ⇄ 10.0.0.2,1,3,0,300,0,80,0,host:10.0.0.1 host:10.0.0.2\n"
	if text, err := os.ReadFile(where); err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

// TestReadSmall refuses files that never end, or that keep a reader waiting.
func TestReadSmall(t *testing.T) {
	dir := t.TempDir()
	pipe, link, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "large")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.Symlink("/dev/zero", link), os.WriteFile(large, make([]byte, 2<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{pipe: "not a regular file", link: "not a regular file", large: "longer than", dir: "not a regular file"} {
		if _, err := readSmall(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// TestViewsShared: two consoles keep the views of each other, and forget only their own.
func TestViewsShared(t *testing.T) {
	e, _, _ := remembering(t)
	view := func(filter string) ui.View { return ui.View{Filter: filter} }
	both := map[string]ui.View{"a": view("tcp"), "b": view("udp")}
	one, other := e.remember(), e.remember()
	one.keep(ui.Settings{}, ui.Settings{Views: both})
	other.keep(ui.Settings{}, ui.Settings{Views: map[string]ui.View{"c": view("icmp")}})
	one.keep(ui.Settings{Views: both}, ui.Settings{Views: map[string]ui.View{"b": view("sick")}})
	want := map[string]ui.View{"b": view("sick"), "c": view("icmp")}
	if got := e.remember().saved.Views; !reflect.DeepEqual(got, want) {
		t.Errorf("remembered %+v", got)
	}
	look := consoleFlags{view: "d"}
	if err := look.checkView(e.remember().saved); err == nil || err.Error() != `--view: no view is called "d": use b, c` {
		t.Errorf("%v", err)
	}
	if err := look.checkView(ui.Settings{}); err == nil || err.Error() != "--view: no view is saved yet: V in the console saves one" {
		t.Errorf("%v", err)
	}
	look.view = "c"
	if err := look.checkView(e.remember().saved); err != nil {
		t.Error(err)
	}
}
