package flow

import (
	"context"
	"fmt"
	"time"
)

// Actor performs acts. A tracker implements it. Other implementations wrap one,
// to write an audit log or to refuse acts.
type Actor interface {
	// Act performs an act. If it fails in the middle, the outcome counts the
	// changes so far. It is safe for concurrent use.
	Act(ctx context.Context, act Act) (Outcome, error)
}

// ActKind is the kind of an act.
type ActKind uint8

// ActKind has no other values.
const (
	// ActDelete ends flows.
	ActDelete ActKind = iota
	// ActTimeout changes a timeout for every flow.
	ActTimeout
	// ActFlowTimeout sets the timeout of one flow, or restores its default.
	ActFlowTimeout
	// ActReset ends TCP connections at both ends.
	ActReset
	// ActCapture writes packets to a file. No actor performs it: captures last.
	ActCapture
	numActKinds
)

var actKindNames = [numActKinds]string{
	ActDelete: "delete", ActTimeout: "timeout", ActFlowTimeout: "flow_timeout",
	ActReset: "reset", ActCapture: "capture",
}

// String returns the kind's name in the audit log.
func (k ActKind) String() string {
	if k < numActKinds {
		return actKindNames[k]
	}
	return fmt.Sprintf("act_%d", uint8(k))
}

// Act is a request to a tracker. [Deletion], [Reset], [TimeoutChange] and
// [OwnTimeoutChange] create acts.
type Act struct {
	Kind ActKind
	// By is the requester. The code that authenticated it sets it, never a
	// console.
	By Requester
	// Flows are the flows to act on: any number for ActDelete and ActReset, one
	// for ActFlowTimeout, none for ActTimeout.
	Flows []Ref
	// Timeout is the timeout to change, for ActTimeout.
	Timeout TimeoutName
	// Hosts are those whose timeout is changed, for ActTimeout in a fleet.
	Hosts []string
	// Duration is the new timeout. 0 restores the default of a flow.
	Duration time.Duration
}

// Requester is the person who requests an act. Unknown fields are empty.
type Requester struct {
	// Role is the requester's role, which determines the permitted acts.
	Role string
	// Fingerprint is the fingerprint of the requester's SSH key.
	Fingerprint string
	// Name is the comment of the key, or the name of the local user.
	Name string
	// Address is the requester's network address.
	Address string
}

// Outcome is the result of an act.
type Outcome struct {
	// Done counts the changed flows or settings, Gone the flows that had
	// already ended.
	Done, Gone int
	// NotTCP counts the flows that cannot be reset, since they are not TCP.
	NotTCP int
	// Unsent counts the flows to which no reset could be sent. They are still
	// open.
	Unsent int
	// Alive counts the flows that are still open although both ends were sent
	// resets.
	Alive int
	// NoDestroy: the kernel cannot end the machine's own sockets, so they were
	// sent resets, too.
	NoDestroy bool
}

// Deletion returns the act that ends flows.
func Deletion(refs ...Ref) Act { return Act{Kind: ActDelete, Flows: refs} }

// Reset returns the act that ends TCP connections at both ends.
func Reset(refs ...Ref) Act { return Act{Kind: ActReset, Flows: refs} }

// TimeoutChange returns the act that changes a timeout for every flow.
func TimeoutChange(name TimeoutName, d time.Duration) Act {
	return Act{Kind: ActTimeout, Timeout: name, Duration: d}
}

// OwnTimeoutChange returns the act that sets a flow's own timeout. 0 restores
// the default.
func OwnTimeoutChange(ref Ref, d time.Duration) Act {
	return Act{Kind: ActFlowTimeout, Flows: []Ref{ref}, Duration: d}
}
