package main

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// report prints how many mutations each package's tests caught, the tests that were left
// out, and the survivors with their code.
func (t *trial) report() {
	counts := map[string]*[2]int{}
	var total [2]int
	for _, r := range t.results {
		if r.fate == uncompiled {
			continue
		}
		name := r.pkg.ImportPath
		if counts[name] == nil {
			counts[name] = new([2]int)
		}
		for _, c := range []*[2]int{counts[name], &total} {
			c[1]++
			if r.fate == caught {
				c[0]++
			}
		}
	}
	t.out.Print()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.out.Printf("%4d of %4d caught in %s", counts[name][0], counts[name][1], name)
	}
	t.out.Printf("%4d of %4d caught", total[0], total[1])
	t.reportLeftOut()
	t.reportSurvivors()
}

func (t *trial) reportLeftOut() {
	for s, m := range t.measured {
		if len(m.LeftOut) > 0 {
			t.out.Printf("left out, because they fail without a mutation: %s in %s", strings.Join(m.LeftOut, ", "), s.pkg)
		}
	}
}

func (t *trial) reportSurvivors() {
	for _, number := range slices.Sorted(maps.Keys(t.results)) {
		r := t.results[number]
		if r.fate != survived {
			continue
		}
		t.out.Print(r)
		t.out.Print("\t" + t.code(r.mutation))
	}
}

// code returns the line that a mutation changes.
func (t *trial) code(m mutation) string {
	source, err := os.ReadFile(t.pathIn(plain, m))
	if err != nil {
		return ""
	}
	start := strings.LastIndexByte(string(source[:m.begin]), '\n') + 1
	text, _, _ := strings.Cut(string(source[start:]), "\n")
	return strings.TrimSpace(text)
}
