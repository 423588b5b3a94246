package agent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/tracker/flow"
)

// takeAct carries out an act, once: a repeat has the outcome of the first time. Acts come
// one after the other.
func (a *Agent) takeAct(ctx context.Context, m *nats.Msg) {
	s, err := fleet.DecodeSigned(m.Data)
	if err != nil || !a.begin() {
		a.failed.Add(1)
		return
	}
	defer a.working.Done()
	o := a.act(context.WithoutCancel(ctx), &s, time.Now())
	a.answer(s.To, fleet.Head{Last: true, Outcome: &o}, nil)
}

var errNoActs = errors.New("this host takes no acts of the fleet")

// act returns the outcome of an act.
func (a *Agent) act(ctx context.Context, s *fleet.Signed, now time.Time) fleet.Outcome {
	order, by, err := s.Open(a.Link.Credentials.Authority, string(a.space), a.name)
	o := a.outcome(s, &order, by, now)
	if err == nil && (a.Actor == nil || a.Journal == nil) {
		o.State, o.Error = fleet.Refused, errNoActs.Error()
		return o
	}
	if err != nil {
		return a.refuseAct(o, err)
	}
	if known, again := a.Journal.Known(order.ID); again {
		if known.Sum == o.Sum {
			return known
		}
		return a.refuseAct(o, fleet.ErrReused)
	}
	if err := order.CheckTime(now); err != nil {
		o.State, o.Error = fleet.Refused, err.Error()
		return a.conclude(o)
	}
	o.State = fleet.Intended
	if err := a.Journal.Write(o); err != nil { // what cannot be audited is not done
		o.State, o.Error = fleet.Refused, err.Error()
		return o
	}
	return a.conclude(a.carryOut(ctx, &order, by, o))
}

// carryOut does what an order says to the flows that are still there.
func (a *Agent) carryOut(ctx context.Context, order *fleet.Order, by fleet.Grant, o fleet.Outcome) fleet.Outcome {
	refs := a.find(order.Flows)
	gone := len(order.Flows) - len(refs)
	for _, ref := range refs[:min(len(refs), listedFlows)] {
		o.Flows = append(o.Flows, ref.ID.String()+" "+ref.Tuple.String())
	}
	o.State = fleet.Done
	if len(order.Flows) > 0 && len(refs) == 0 {
		o.Gone = gone
		return o
	}
	act := order.Act(refs)
	act.By = flow.Requester{Role: string(by.Role), Fingerprint: by.Key, Name: by.Name, Address: "fleet " + by.Fleet}
	done, err := a.Actor.Act(ctx, act)
	o.Take(done)
	o.Gone += gone
	if err != nil && !errors.Is(err, flow.ErrFlowGone) {
		o.State, o.Error = fleet.Failed, err.Error()
	}
	return o
}

// listedFlows is how many flows a line of the audit names.
const listedFlows = 100

func (a *Agent) outcome(s *fleet.Signed, order *fleet.Order, by fleet.Grant, now time.Time) fleet.Outcome {
	o := fleet.Outcome{
		Time: now.UTC(), ID: order.ID, Host: a.name, By: by.Name, Key: by.Key, Act: order.Kind.String(),
		Count: max(len(order.Flows), 1), Sum: s.Sum(), Expires: order.Expires,
	}
	if order.ID == "" {
		o.Act, o.Count = "", 0
	}
	if order.Kind == flow.ActTimeout && order.ID != "" {
		o.Flows = []string{order.Timeout.String() + "=" + order.Duration.String()}
	}
	return o
}

// refuseAct refuses an act that is not to be known again.
func (a *Agent) refuseAct(o fleet.Outcome, why error) fleet.Outcome {
	o.State, o.Error = fleet.Refused, why.Error()
	a.Log.Warn("an act of the fleet is refused", "by", o.By, "key", o.Key, "error", why)
	if a.Journal == nil {
		return o
	}
	if err := a.Journal.Refuse(o); err != nil {
		a.Log.Error("the refused act is not in the journal", "error", err)
	}
	a.publishAudit(o)
	return o
}

// conclude writes the outcome of an act. That it cannot be written is part of it.
func (a *Agent) conclude(o fleet.Outcome) fleet.Outcome {
	o.Time = time.Now().UTC()
	if err := a.Journal.Write(o); err != nil {
		o.State, o.Error = fleet.Unknown, err.Error()
		a.Journal.Remember(o)
		a.Log.Error("the outcome of an act is not in the journal", "error", err)
	}
	a.Log.Info("an act of the fleet", "act", o.Act, "by", o.By, "flows", o.Count, "done", o.Done, "state", o.State, "error", o.Error)
	a.publishAudit(o)
	return o
}

// publishAudit sends a copy of a line to the server. The journal is what counts.
func (a *Agent) publishAudit(o fleet.Outcome) {
	text, err := json.Marshal(o)
	if err != nil {
		a.failed.Add(1)
		return
	}
	a.publish(a.space.Audit(a.name), text)
}
