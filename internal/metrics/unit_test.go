package metrics

import (
	"fmt"
	"testing"

	"ctop/tracker/flow"
)

// However many units there are, the metrics are bounded, and no flow is left out.
func TestUnits(t *testing.T) {
	var flows []flow.Flow
	add := func(n int, p *flow.Process) {
		for range n {
			flows = append(flows, flow.Flow{Holding: flow.Holding{Process: p}})
		}
	}
	add(3, nil)
	add(5, &flow.Process{Unit: "nginx.service"})
	list := countUnits(flows)
	if len(list) != 2 || list[0] != (unit{"nginx.service", 5}) || list[1] != (unit{"none", 3}) {
		t.Errorf("the units are %v", list)
	}
	for i := range maxUnits - 2 {
		add(1, &flow.Process{Unit: fmt.Sprintf("%03d.service", i)})
	}
	if list = countUnits(flows); len(list) != maxUnits || list[maxUnits-1].name == "other" {
		t.Errorf("of as many units as have metrics the last is %v", list[len(list)-1])
	}
	for i := range 500 {
		add(1, &flow.Process{Unit: fmt.Sprintf("%03d.service", i)})
	}
	list = countUnits(flows)
	sum := 0
	for _, u := range list {
		sum += u.flows
	}
	if len(list) != maxUnits+1 || sum != len(flows) || list[maxUnits].name != "other" {
		t.Errorf("%d units have %d of %d flows, the last is %v", len(list), sum, len(flows), list[len(list)-1])
	}
}
