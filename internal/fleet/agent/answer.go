package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"ctop/internal/fleet"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

var (
	errNothing = errors.New("there is no snapshot yet: ask again")
	errBusy    = errors.New("it answers others: ask again")
	errKind    = errors.New("this version of ctop does not answer that")
)

// takeQuestion answers a question. Flows are looked through beside it.
func (a *Agent) takeQuestion(ctx context.Context, m *nats.Msg) {
	q, err := fleet.DecodeQuestion(m.Data)
	if err != nil {
		a.failed.Add(1)
		return
	}
	switch q.Kind {
	case fleet.AskHost:
		h := a.heartbeat()
		a.answer(q.To, fleet.Head{Last: true, Host: &h}, nil)
	case fleet.AskFlows, fleet.AskDetail:
		select {
		case a.pages <- struct{}{}:
			if !a.begin() {
				return
			}
			go func() {
				defer a.working.Done()
				defer func() { <-a.pages }()
				a.look(ctx, q)
			}()
		default:
			a.refuse(q.To, errBusy)
		}
	default:
		a.refuse(q.To, errKind)
	}
}

func (a *Agent) refuse(to string, why error) {
	a.answer(to, fleet.Head{Last: true, Error: why.Error()}, nil)
}

func (a *Agent) answer(to string, h fleet.Head, page []byte) {
	message, err := h.Message(page)
	if err != nil {
		a.failed.Add(1)
		return
	}
	a.publish(a.space.Answer(a.name, to), message)
}

// look answers a question about flows.
func (a *Agent) look(ctx context.Context, q fleet.Question) {
	var err error
	if q.Kind == fleet.AskDetail {
		err = a.detail(ctx, q)
	} else {
		err = a.flows(ctx, q)
	}
	if err != nil {
		a.refuse(q.To, err)
	}
}

// detailTimeout bounds what the kernel is asked about a flow.
const detailTimeout = 5 * time.Second

func (a *Agent) detail(ctx context.Context, q fleet.Question) error {
	ctx, cancel := context.WithTimeout(ctx, detailTimeout)
	defer cancel()
	refs := a.find([]flow.ID{q.Flow})
	if len(refs) == 0 {
		return flow.ErrFlowGone
	}
	found, err := a.Source.Inspect(ctx, refs[0])
	if err != nil {
		return err
	}
	a.answer(q.To, fleet.Head{Last: true, Detail: &found}, nil)
	return nil
}

// flows sends pages of flows.
func (a *Agent) flows(ctx context.Context, q fleet.Question) error {
	f, by, err := q.Parse()
	if err != nil {
		return err
	}
	s := a.snapshot()
	if s == nil {
		return errNothing
	}
	head := headOf(s)
	var rows []*flow.Flow
	if q.Limit > 0 && q.Limit < len(s.Flows) {
		top := order.First(s, f, by, q.Limit)
		rows, head.Matching, head.BPS = top.Rows, top.Matching, top.BPS
	} else {
		rows = order.Arrange(order.Request{Snapshot: s, Filter: f, By: by}).Rows
		head.Matching = len(rows)
	}
	pages, err := fleet.Pages(s, rows)
	if err != nil {
		return err
	}
	head.Counters = &s.Counters
	for _, i := range s.Interfaces[:min(len(s.Interfaces), fleet.MaxInterfaces)] {
		head.Interfaces = append(head.Interfaces, flow.Interface{Name: i.Name, Index: i.Index, Mode: i.Mode, Role: i.Role, Up: i.Up, MTU: i.MTU})
	}
	for i, page := range pages {
		if ctx.Err() != nil {
			return nil
		}
		if i > 0 {
			head.Counters, head.Interfaces = nil, nil
		}
		head.Page, head.Last = i, i == len(pages)-1
		a.answer(q.To, head, page)
	}
	return nil
}

// find returns the flows that have some ids. Only the host knows where in its table they
// are.
func (a *Agent) find(ids []flow.ID) (refs []flow.Ref) {
	s := a.snapshot()
	if s == nil {
		return nil
	}
	wanted := make(map[flow.ID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	for i := range s.Flows {
		if wanted[s.Flows[i].ID] {
			refs = append(refs, s.Flows[i].Ref())
		}
	}
	return refs
}

// snapshot returns the latest snapshot, named.
func (a *Agent) snapshot() *flow.Snapshot {
	latest := a.Source.Snapshot()
	if latest == nil {
		return nil
	}
	return a.named(latest)
}

// named returns a snapshot with the host's name, for filters.
func (a *Agent) named(latest *flow.Snapshot) *flow.Snapshot {
	s := *latest
	s.Interfaces = slices.Clone(s.Interfaces)
	for i := range s.Interfaces {
		s.Interfaces[i].Host = a.name
	}
	return &s
}
