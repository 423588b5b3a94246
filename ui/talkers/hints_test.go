package talkers

import (
	"slices"
	"strings"
	"testing"

	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// The keys that change the width of networks are named where there are networks.
func TestWidthHint(t *testing.T) {
	f, p := newPage(fake.Flows(5)...)
	hinted := func() bool {
		return slices.ContainsFunc(p.Hints(), func(h page.Hint) bool { return h.Does == "width" })
	}
	for range 20 {
		if nets := strings.Contains(strings.Join(p.Facts(), " "), " net /"); nets != hinted() {
			t.Errorf("%q: hinted is %t", p.Facts(), hinted())
		}
		f.Press("b")
	}
}
