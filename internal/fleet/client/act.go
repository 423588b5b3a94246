package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// again is how long a host may be silent before an act is sent again. It has an effect
// once, whatever is repeated.
const again = 2 * time.Second

var errViewer = errors.New("act on the fleet: the key is a viewer's: make one with ctop hub keys add operator NAME")

// Act has a host carry out an act, on flows that are known by their ids. It returns one
// outcome, or an error if there is none that the console knows of.
func (c *Client) Act(ctx context.Context, host string, act flow.Act) (fleet.Outcome, error) {
	if !c.Operator() {
		return fleet.Outcome{}, errViewer
	}
	o := fleet.Order{
		ID: rand.Text()[:24], Fleet: string(c.space), Host: host, Expires: time.Now().Add(fleet.ActFor).UTC(),
		Kind: act.Kind, Timeout: act.Timeout, Duration: act.Duration,
	}
	for _, f := range act.Flows {
		o.Flows = append(o.Flows, f.ID)
	}
	signed, err := o.Sign(c.credentials)
	if err != nil {
		return fleet.Outcome{}, err
	}
	return c.send(ctx, host, o, signed)
}

// part is the part of an act that one host carries out.
type part struct {
	host string
	act  flow.Act
}

// ActOn has every host carry out its part of an act: hostOf says whose a flow is, and
// hosts are those of an act on no flow. What was done is counted, also if some hosts fail.
func (c *Client) ActOn(ctx context.Context, act flow.Act, hosts []string, hostOf func(flow.Ref) string) (all flow.Outcome, err error) {
	var failed []error
	for _, p := range divide(act, hosts, hostOf) {
		if p.host == "" { // nobody has these flows any more
			all.Gone += len(p.act.Flows)
			continue
		}
		o, err := c.Act(ctx, p.host, p.act)
		if err == nil && o.State != fleet.Done {
			err = fmt.Errorf("%s: %s: %s", p.host, o.State, o.Error)
		}
		if err != nil {
			failed = append(failed, err)
		}
		all = sum(all, &o)
	}
	return all, errors.Join(failed...)
}

// sum adds what one host did.
func sum(all flow.Outcome, o *fleet.Outcome) flow.Outcome {
	return flow.Outcome{
		Done: all.Done + o.Done, Gone: all.Gone + o.Gone, NotTCP: all.NotTCP + o.NotTCP,
		Unsent: all.Unsent + o.Unsent, Alive: all.Alive + o.Alive, NoDestroy: all.NoDestroy || o.NoDestroy,
	}
}

// divide divides an act among hosts, none with more flows than an order may have.
func divide(act flow.Act, hosts []string, hostOf func(flow.Ref) string) (parts []part) {
	if len(act.Flows) == 0 {
		for _, host := range hosts {
			parts = append(parts, part{host, act})
		}
		return parts
	}
	at := map[string]int{}
	for _, ref := range act.Flows {
		host := hostOf(ref)
		i, known := at[host]
		if !known || len(parts[i].act.Flows) == fleet.MaxActFlows {
			i = len(parts)
			at[host] = i
			one := act
			one.Flows = nil
			parts = append(parts, part{host, one})
		}
		parts[i].act.Flows = append(parts[i].act.Flows, ref)
	}
	return parts
}

// send sends an order until there is an outcome, or it is too late for one.
func (c *Client) send(ctx context.Context, host string, o fleet.Order, signed fleet.Signed) (fleet.Outcome, error) {
	for late := o.Expires.Add(again); ; {
		signed.To = c.newTo()
		outcome, err := c.try(ctx, host, signed)
		if err != nil || outcome != nil {
			if err == nil && outcome.ID != o.ID {
				err = fmt.Errorf("act on %s: it refuses: %s", host, outcome.Error)
			}
			if err != nil {
				return fleet.Outcome{}, err
			}
			return *outcome, nil
		}
		if time.Now().After(late) {
			return fleet.Outcome{}, fmt.Errorf("act on %s: it did not answer for %s: its journal has what became of %s", host, fleet.ActFor, o.ID)
		}
	}
}

// try sends an order once, and returns the outcome, nil if there is none for a while.
func (c *Client) try(ctx context.Context, host string, signed fleet.Signed) (outcome *fleet.Outcome, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, again, errQuiet)
	defer cancel()
	err = c.ask(ctx, c.space.Act(host), signed.To, signed.Encode(), func(from string, a answer) (counts, done bool, err error) {
		if from == host {
			outcome = a.head.Outcome
		}
		return false, outcome != nil, nil
	})
	switch {
	case outcome != nil:
		return outcome, nil
	case errors.Is(context.Cause(ctx), errQuiet):
		return nil, nil
	case err != nil && !c.conn.IsClosed() && ctx.Err() == nil:
		<-ctx.Done() // there is no server for now
		return nil, nil
	}
	return nil, err
}

var errQuiet = errors.New("no answer")
