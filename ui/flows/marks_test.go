package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/ui/flows"
	"ctop/ui/internal/fake"
)

func TestMarks(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(6)...)
	f.Press("space", "space")
	if got := p.Facts(); !slices.Equal(got, []string{"2 marked", "row 3/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("g", "space")
	if got := p.Facts(); !slices.Equal(got, []string{"1 marked", "row 2/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("g", "space", "d")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 2 flows?") || !strings.Contains(box, "marked") {
		t.Errorf("%s", box)
	}
	f.Press("y")
	if len(f.Acts) != 1 || len(f.Acts[0].Flows) != 2 || f.Acts[0].Flows[0].ID != 1 || f.Acts[0].Flows[1].ID != 4 {
		t.Errorf("acts are %+v", f.Acts)
	}
	publish(f, fake.Flows(6), destroyed(0, f.Now))
	if got := p.Facts()[0]; got != "1 marked" {
		t.Errorf("facts are %q", p.Facts())
	}
	f.Press("g", "space") // the flow has just ended: there is nothing to mark
	if got := p.Facts()[0]; got != "1 marked" {
		t.Errorf("facts are %q", p.Facts())
	}
	f.Press("esc")
	if got := p.Facts(); !slices.Equal(got, []string{"row 2/6"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("G", "space")
	if p.Selected() != p.Rows()[5] {
		t.Error("the mark did not go down to the end")
	}
	empty, _ := newPage(flows.Options{}, []flow.Flow{}...)
	empty.Press("space")
}

func TestDeleteAll(t *testing.T) {
	f, _ := newPage(flows.Options{}, fake.Flows(10)...)
	publish(f, fake.Flows(10), destroyed(3, f.Now))
	f.Press("D")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 9 flows?") || !strings.Contains(box, "no filter: every flow of the table") {
		t.Errorf("%s", box)
	}
	f.Press("esc", "/", "udp", "enter", "D")
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "delete 2 flows?") || !strings.Contains(box, "filter  udp") {
		t.Errorf("%s", box)
	}
	f.Press("2", "enter")
	if len(f.Acts) != 1 || len(f.Acts[0].Flows) != 2 {
		t.Errorf("acts are %+v", f.Acts)
	}
}

func TestAttempts(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(150)...)
	is := func(k, want string) {
		t.Helper()
		a, ok := p.Attempt(fake.Keys(k)[0])
		if got := fmt.Sprint(a.Kind, " ", len(a.Flows), " ", a.Count, " ", ok); got != want {
			t.Errorf("%s: %s, not %s", k, got, want)
		}
	}
	is("d", "delete 1 1 true")
	is("D", "delete 100 150 true")
	is("+", "flow_timeout 1 1 true")
	is("y", "flow_timeout 1 1 false")
	for range 120 {
		f.Press("space")
	}
	is("d", "delete 100 120 true")
}

// The marked flows are reset together, after a question.
func TestResetTheMarked(t *testing.T) {
	f, _ := newPage(flows.Options{}, fake.Flows(6)...)
	if f.Press("space", "space"); !f.Press("x") {
		t.Fatal("x means nothing")
	}
	if f.Dialog() == nil {
		t.Fatalf("it does not ask: %q", f.Said())
	}
	if box := strings.Join(f.Dialog().Box(80, 20), "\n"); !strings.Contains(box, "marked") || !strings.Contains(box, "reset 2 ") {
		t.Errorf("%s", box)
	}
	if f.Press("y"); len(f.Acts) != 1 || f.Acts[0].Kind != flow.ActReset || len(f.Acts[0].Flows) != 2 {
		t.Errorf("acts are %+v", f.Acts)
	}
}

// The row that is chosen has a number, of all that are shown.
func TestPosition(t *testing.T) {
	f, p := newPage(flows.Options{}, fake.Flows(10)...)
	if got := p.Facts(); !slices.Equal(got, []string{"10/10"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("down")
	if got := p.Facts(); !slices.Equal(got, []string{"row 2/10"}) {
		t.Errorf("facts are %q", got)
	}
	f.Press("/", "udp", "enter", "G")
	if got := p.Facts(); !slices.Equal(got, []string{"filter: udp", "row 2/2", "2/10"}) {
		t.Errorf("facts are %q", got)
	}
}

// Without a flow nothing is unfolded, and it is said why.
func TestNothingToUnfold(t *testing.T) {
	f, _ := newPage(flows.Options{Several: true}, []flow.Flow{}...)
	if f.Press("u"); f.Said() != "there is no flow here" {
		t.Errorf("without flows it says %q", f.Said())
	}
	f, _ = newPage(flows.Options{Several: true}, fake.Flows(2)...)
	if f.Press("u"); f.Said() != "only one host shows this flow here" {
		t.Errorf("of a flow of one host it says %q", f.Said())
	}
}
