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

// A ratio of scaling is divided by that of the reference, and not told without it.
func TestScalingBesideAnother(t *testing.T) {
	rows := map[string]Row{}
	for name, median := range map[string]float64{
		dryName(byNative, 1): 10, dryName(byNative, 2): 18, dryName(byXDP, 1): 20, dryName(byXDP, 2): 40,
	} {
		rows[name] = Row{Name: name, Median: median}
	}
	scaling := func() Ratio {
		all := ratios(rows)
		at := slices.IndexFunc(all, func(r Ratio) bool { return r.Bound == 0.97 })
		if at < 0 {
			t.Fatalf("no ratio of scaling in %+v", all)
		}
		return all[at]
	}
	if r := scaling(); r.Ratio != 0.9 || r.Holds {
		t.Errorf("the ratio is %+v, want 0.9", r)
	}
	delete(rows, dryName(byXDP, 2))
	if r := scaling(); r.Missing == "" || r.Ratio != 0 {
		t.Errorf("without the reference the ratio is %+v", r)
	}
}
