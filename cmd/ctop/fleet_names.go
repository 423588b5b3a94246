package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ctop/internal/filter"
	"ctop/internal/fleet/client"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// checkHosts returns an error if one of some hosts is not known, or is gone.
func checkHosts(ctx context.Context, c *client.Client, names []string) error {
	known, err := c.Remembered(ctx)
	if err != nil {
		return err
	}
	hosts := map[string]*client.Host{}
	for i := range known {
		hosts[known[i].Name] = &known[i]
	}
	for _, name := range names {
		switch h, now := hosts[name], time.Now(); {
		case h == nil:
			return usagef("no host is called %q: %s", name, nearNames(name, known))
		case h.Gone(now):
			return fmt.Errorf("%s is gone: it was heard of %s ago", name, format.Words(max(now.Sub(h.Heard), 0)))
		}
	}
	return nil
}

// onTerms finds the hosts that a filter asks for, but not those that it leaves out.
var onTerms = regexp.MustCompile(`(?:^|[\s(])on:([^\s()]+)`)

// checkFilter returns an error if a filter asks for hosts of which there are none.
func checkFilter(ctx context.Context, c *client.Client, text string) error {
	asked := onTerms.FindAllStringSubmatch(text, -1)
	if len(asked) == 0 {
		return nil
	}
	known, err := c.Remembered(ctx)
	if err != nil {
		return err
	}
	// A flow of each host shows if the pattern fits one.
	s := &flow.Snapshot{}
	for i, h := range known {
		s.Interfaces = append(s.Interfaces, flow.Interface{Host: h.Name})
		s.Flows = append(s.Flows, flow.Flow{ID: flow.ID(i + 1), In: uint16(i)})
	}
	for _, one := range asked {
		f, err := filter.Parse(one[0])
		if err == nil && len(s.Flows) > 0 && len(order.Arrange(order.Request{Snapshot: s, Filter: f}).Rows) == 0 {
			return usagef("no host is called %q: %s", one[1], nearNames(one[1], known))
		}
	}
	return nil
}

// nearNames names the hosts that may be meant.
func nearNames(wrong string, known []client.Host) string {
	const few, off = 5, 2
	var near []string
	for _, h := range known {
		if len(near) < few && (distance(wrong, h.Name) <= off || len(wrong) > 2 && strings.HasPrefix(h.Name, strings.TrimRight(wrong, "*"))) {
			near = append(near, h.Name)
		}
	}
	if len(near) > 0 {
		return "perhaps " + strings.Join(near, " or ") + "; ctop fleet hosts lists all"
	}
	return "ctop fleet hosts lists them"
}

// distance returns how many letters have to be put in, taken out or changed to make one
// text of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
