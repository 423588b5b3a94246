package flow

import (
	"context"
	"fmt"
	"time"
)

// Actor carries out acts. Implementations wrap one another: one writes acts to
// an audit log, one refuses all of them, and a tracker carries them out.
type Actor interface {
	// Act carries out an act. If it fails in the middle, the outcome counts what
	// was done before. It may be called from several goroutines at once.
	Act(ctx context.Context, act Act) (Outcome, error)
}

// ActKind says what an act does.
type ActKind uint8

// The kinds, a closed set.
const (
	// ActDelete ends flows.
	ActDelete ActKind = iota
	// ActTimeout changes a timeout for every flow.
	ActTimeout
	// ActFlowTimeout gives one flow a timeout of its own, or takes it away.
	ActFlowTimeout
	// ActReset ends TCP connections at both ends.
	ActReset
	numActKinds
)

var actKindNames = [numActKinds]string{
	ActDelete: "delete", ActTimeout: "timeout", ActFlowTimeout: "flow_timeout",
	ActReset: "reset",
}

// String returns the kind's name as the audit log spells it.
func (k ActKind) String() string {
	if k < numActKinds {
		return actKindNames[k]
	}
	return fmt.Sprintf("act_%d", uint8(k))
}

// Act is one thing that somebody asks of a tracker. [Deletion], [Reset],
// [TimeoutChange] and [OwnTimeoutChange] make the acts that there are.
type Act struct {
	Kind ActKind
	// By is who asks. It is set by whoever authenticated them, never by a
	// console.
	By Requester
	// Flows are the flows to act on: any number for ActDelete and ActReset, one
	// for ActFlowTimeout, none for ActTimeout.
	Flows []Ref
	// Timeout is the timeout to change, for ActTimeout.
	Timeout TimeoutName
	// Duration is the new timeout. Zero takes a flow's own timeout away.
	Duration time.Duration
}

// Requester is who asks for an act. Fields that are not known are empty.
type Requester struct {
	// Role is what the requester may do.
	Role string
	// Fingerprint is that of the requester's key.
	Fingerprint string
	// Name is how the requester is known: the comment of the key, or the name of
	// the local user.
	Name string
	// Address is where the requester came from.
	Address string
}

// Outcome is what an act has changed.
type Outcome struct {
	// Done counts the flows or settings that were changed, Gone the flows that
	// had ended before.
	Done, Gone int
	// NotTCP counts the flows that cannot be reset, since they are not TCP.
	NotTCP int
	// Unsent counts the flows whose ends could not be sent a reset: they go on.
	Unsent int
	// Alive counts the flows that go on although their ends were sent resets.
	Alive int
}

// Deletion returns the act that ends flows.
func Deletion(refs ...Ref) Act { return Act{Kind: ActDelete, Flows: refs} }

// Reset returns the act that ends TCP connections at both ends.
func Reset(refs ...Ref) Act { return Act{Kind: ActReset, Flows: refs} }

// TimeoutChange returns the act that changes a timeout for every flow.
func TimeoutChange(name TimeoutName, d time.Duration) Act {
	return Act{Kind: ActTimeout, Timeout: name, Duration: d}
}

// OwnTimeoutChange returns the act that gives a flow a timeout of its own. A
// duration of zero takes it away.
func OwnTimeoutChange(ref Ref, d time.Duration) Act {
	return Act{Kind: ActFlowTimeout, Flows: []Ref{ref}, Duration: d}
}
