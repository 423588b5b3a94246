package kernel

import (
	"context"
	"fmt"

	"ctop/tracker/flow"
)

// Act implements [flow.Actor]. It does not interrupt an act when ctx is done.
func (t *Table) Act(ctx context.Context, act flow.Act) (flow.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return flow.Outcome{}, err
	}
	switch act.Kind {
	case flow.ActDelete:
		return t.Delete(act.Flows...)
	case flow.ActReset:
		return t.Reset(act.Flows...)
	case flow.ActTimeout:
		return one(t.SetTimeout(act.Timeout, act.Duration))
	case flow.ActFlowTimeout:
		if len(act.Flows) == 1 {
			return one(t.SetFlowTimeout(act.Flows[0], act.Duration))
		}
	}
	return flow.Outcome{}, fmt.Errorf("%s of %d flows: this tracker cannot do that", act.Kind, len(act.Flows))
}

// one returns the outcome of an act on one object.
func one(err error) (flow.Outcome, error) {
	if err != nil {
		return flow.Outcome{}, err
	}
	return flow.Outcome{Done: 1}, nil
}
