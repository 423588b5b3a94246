package flows_test

import (
	"slices"
	"strings"
	"testing"

	"ctop/ui/flows"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

func TestOrder(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(6)...)
	is := func(want ...int) {
		t.Helper()
		if got := ids(p); !slices.Equal(got, want) {
			t.Errorf("the flows are %v, not %v", got, want)
		}
	}
	is(1, 4, 5, 6, 2, 3)
	f.Press("S")
	is(3, 2, 6, 5, 4, 1)
	f.Press("s", "o")
	is(1, 2, 3, 4, 5, 6)
	if f.Dialog() != nil {
		t.Error("a letter does not end the choice")
	}
	f.Press("s", "o") // once more turns it round
	is(6, 5, 4, 3, 2, 1)
	f.Press("s", "S")
	is(1, 2, 3, 4, 5, 6)
	if f.Dialog() == nil {
		t.Error("S ends the choice")
	}
	f.Press("esc") // back to what it was
	is(6, 5, 4, 3, 2, 1)
	f.Press("s", "0")
	is(1, 4, 5, 6, 2, 3)
	f.Press("s", "g", "s", "S", "enter")
	is(1, 2, 3, 4, 5, 6)
	f.Press("s", "left", "left", "enter") // from AGE to TOTAL to both rates
	if !strings.Contains(p.Lines()[0], "← b/s ▼") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	at := strings.Index(p.Lines()[0], "STATE")
	f.Run(p.Click(at+2, 0))
	if !strings.Contains(p.Lines()[0], "STATE ▲") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	f.Run(p.Click(at, 3))
	if p.Selected() != p.Rows()[2] {
		t.Error("a click does not select")
	}
}

func TestSortDialog(t *testing.T) {
	f, _ := newPage(flows.Options{}, fake.Flows(6)...)
	f.Press("s")
	d := f.Dialog()
	rows := d.Rows(80)
	lines := d.Footer(80, rows)
	if len(lines) != rows+1 || !strings.HasPrefix(lines[0], " sort by  ") {
		t.Errorf("%d rows: %q", rows, lines)
	}
	all := strings.Join(lines, "  ")
	for name, letter := range flows.SortLetters() {
		if !strings.Contains(all, "  "+letter+" "+name) {
			t.Errorf("no %s in %q", name, all)
		}
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%q is %d wide", line, n)
		}
	}
	if got := d.Footer(80, 0); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := d.Rows(1000); got != 0 {
		t.Errorf("%d rows on a wide screen", got)
	}
	if below := d.Below(); !below.Scrolls || below.HidesAside {
		t.Errorf("%+v", below)
	}
}

func TestSettings(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(3)...)
	if p.Greeting() != "" {
		t.Errorf("greets with %q", p.Greeting())
	}
	f.Press("s", "g", "S", "c", "space", "enter")
	var s page.Settings
	if p.Save(&s); s.Sort != "age:asc" || slices.Contains(s.Columns, "state") || !slices.Contains(s.Columns, "ttl") {
		t.Errorf("saved %+v", s)
	}
	f, p = newPage(flows.Options{}, fake.Flows(3)...)
	p.Restore(s)
	publish(f, fake.Flows(3))
	if got := ids(p); !slices.Equal(got, []int{1, 2, 3}) || strings.Contains(p.Lines()[0], "STATE") || !strings.Contains(p.Lines()[0], "AGE ▲") {
		t.Errorf("the flows are %v under %q", got, p.Lines()[0])
	}
	if got := p.Greeting(); got != "sorted by age, as you left it; s 0 sorts by rate again" {
		t.Errorf("greets with %q", got)
	}
	p.Restore(page.Settings{Sort: "x"})
	if !strings.Contains(p.Lines()[0], "AGE ▲") {
		t.Errorf("titles are %q", p.Lines()[0])
	}
	if p.SortBy("x") || !p.SortBy("ttl") || !p.SortBy("timeout:desc") {
		t.Error("orders are not read")
	}
	if got := p.Facts(); !slices.Contains(got, "by timeout") { // there is no such column
		t.Errorf("facts are %q", got)
	}
}
