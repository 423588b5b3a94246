package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ctop/internal/fleet"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// Inspect asks the host of a flow what it knows of it.
func (r *Reader) Inspect(ctx context.Context, ref flow.Ref) (flow.Inspection, error) {
	host := r.inspected(ref.ID)
	if host == "" {
		return flow.Inspection{}, flow.ErrFlowGone
	}
	if gone := r.client.gone(host); gone != "" {
		return flow.Inspection{}, errors.New(gone)
	}
	var found *flow.Inspection
	var said string
	missing, err := r.client.gather(ctx, fleet.Question{Kind: fleet.AskDetail, Flow: ref.ID}, []string{host}, func(_ string, a answer) error {
		found, said = a.head.Detail, a.head.Error
		return nil
	})
	switch {
	case err != nil:
		return flow.Inspection{}, err
	case len(missing) > 0:
		return flow.Inspection{}, fmt.Errorf("%s does not answer", host)
	case found == nil:
		return flow.Inspection{}, fmt.Errorf("%s: %s", host, said)
	}
	return *found, nil
}

// Act has each host carry out the part of an act that is about its flows.
func (r *Reader) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	return r.client.ActOn(ctx, act, act.Hosts, func(ref flow.Ref) string { return r.hostOf(ref.ID) })
}

// inspected returns the host of the flow that is looked at. It is known as long as somebody
// looks, also when the flow is no longer among the first ones.
func (r *Reader) inspected(id flow.ID) string {
	host := r.hostOf(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if host == "" && r.looked.id == id {
		host = r.looked.host
	}
	r.looked = owner{id, host}
	return host
}

// owner is the host that has a flow.
type owner struct {
	id   flow.ID
	host string
}

// gone says that a host is gone, empty if it is not known to be.
func (c *Client) gone(host string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, now := c.hosts[host], time.Now()
	if h == nil || !h.Gone(now) {
		return ""
	}
	return host + " is gone: it was heard of " + format.Words(max(now.Sub(h.Heard), 0)) + " ago"
}

// Everywhere asks all hosts for the flows of a conversation: those that have one of some
// tuples, in either direction. Where a host translates one, the others are asked for what
// it is on the other side, too.
func (r *Reader) Everywhere(ctx context.Context, tuples ...flow.Tuple) (*Flows, error) {
	hosts := r.client.present()
	if len(hosts) == 0 {
		return nil, errors.New("no host is there")
	}
	all, err := r.client.Ask(ctx, fleet.View{Filter: filterOf(tuples), Limit: mostSightings}, hosts...)
	if err != nil || len(all.Translations) == 0 {
		return all, err
	}
	for i := range all.Flows {
		if other, ok := all.OtherHalf(&all.Flows[i]); ok && len(tuples) < mostTuples {
			tuples = append(tuples, other)
		}
	}
	return r.client.Ask(ctx, fleet.View{Filter: filterOf(tuples), Limit: mostSightings}, hosts...)
}

const (
	// mostSightings is how many flows of a conversation a host may have, and mostTuples
	// how many tuples.
	mostSightings = 16
	mostTuples    = 8
)

// filterOf returns a filter for the flows with some tuples, in either direction.
func filterOf(tuples []flow.Tuple) string {
	seen, list := map[string]bool{}, []string(nil)
	for _, t := range tuples {
		text := "(proto:" + t.Proto.String() + " host:" + t.Src.Addr().String() + " host:" + t.Dst.Addr().String()
		if t.Proto.HasPorts() {
			text += " port:" + strconv.Itoa(int(t.Src.Port())) + " port:" + strconv.Itoa(int(t.Dst.Port()))
		}
		if text += ")"; !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	return strings.Join(list, " or ")
}
