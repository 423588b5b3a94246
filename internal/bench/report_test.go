package main

import (
	"path/filepath"
	"slices"
	"testing"
)

// Reports of runs that measured some parts each are one, with the ratios of all of them.
func TestReportsAreJoined(t *testing.T) {
	row := func(name string, median float64) []Row { return []Row{{Name: name, Median: median}} }
	var files []string
	for _, parts := range [][]Part{
		{{Name: "packet", Rows: row("first", 1)}, {Name: "event", Rows: row(eventsRead, 1)}},
		{{Name: "live", Rows: row("second", 2)}, {Name: "event", Rows: row(eventsRead, 2*eventsWanted)}},
	} {
		files = append(files, filepath.Join(t.TempDir(), "report"))
		must(t, (&Report{Parts: parts}).writeJSON(files[len(files)-1]))
	}
	r, err := readReports(files)
	must(t, err)
	var names []string
	for _, p := range r.Parts {
		names = append(names, p.Name)
	}
	if want := []string{"packet", "live", "event"}; !slices.Equal(names, want) {
		t.Errorf("the parts are %v, want %v", names, want)
	}
	if len(r.Ratios) != 1 || r.Ratios[0].Ratio != 2 || !r.Ratios[0].Holds {
		t.Errorf("the ratios are %+v, want 2 of the last report", r.Ratios)
	}
}
