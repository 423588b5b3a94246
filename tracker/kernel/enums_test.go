package kernel

import (
	"testing"

	"ctop/bpf"
	"ctop/tracker/flow"
)

// What the kernel and this package both name has the same number in both.
func TestEnumsEqualTheKernels(t *testing.T) {
	check := func(name string, here, there int) {
		t.Helper()
		if here != there {
			t.Errorf("%s is %d here and %d in the kernel", name, here, there)
		}
	}
	for state, there := range map[flow.State]bpf.ConntrackFlowState{
		flow.StateNone:        bpf.ConntrackFlowStateSTATE_NONE,
		flow.StateNew:         bpf.ConntrackFlowStateSTATE_NEW,
		flow.StateSynSent:     bpf.ConntrackFlowStateSTATE_SYN_SENT,
		flow.StateSynRecv:     bpf.ConntrackFlowStateSTATE_SYN_RECV,
		flow.StateEstablished: bpf.ConntrackFlowStateSTATE_ESTABLISHED,
		flow.StateFinWait1:    bpf.ConntrackFlowStateSTATE_FIN_WAIT_1,
		flow.StateFinWait2:    bpf.ConntrackFlowStateSTATE_FIN_WAIT_2,
		flow.StateLastAck:     bpf.ConntrackFlowStateSTATE_LAST_ACK,
		flow.StateTimeWait:    bpf.ConntrackFlowStateSTATE_TIME_WAIT,
	} {
		check(state.String(), int(state), int(there))
	}
	for reason, there := range map[flow.Reason]bpf.ConntrackReason{
		flow.ReasonNone:    bpf.ConntrackReasonREASON_NONE,
		flow.ReasonRST:     bpf.ConntrackReasonREASON_RST,
		flow.ReasonClosed:  bpf.ConntrackReasonREASON_CLOSED,
		flow.ReasonExpired: bpf.ConntrackReasonREASON_EXPIRED,
		flow.ReasonDeleted: bpf.ConntrackReasonREASON_DELETED,
		flow.ReasonEvicted: bpf.ConntrackReasonREASON_EVICTED,
		flow.ReasonReused:  bpf.ConntrackReasonREASON_REUSED,
		flow.ReasonReset:   bpf.ConntrackReasonREASON_RESET,
	} {
		check("reason "+reason.String(), int(reason), int(there))
	}
	for invalid, there := range map[flow.Invalid]bpf.ConntrackInvalid{
		flow.InvalidMalformed:                    bpf.ConntrackInvalidINVALID_MALFORMED,
		flow.InvalidFlags:                        bpf.ConntrackInvalidINVALID_FLAGS,
		flow.InvalidNoFlow:                       bpf.ConntrackInvalidINVALID_NO_FLOW,
		flow.InvalidState:                        bpf.ConntrackInvalidINVALID_STATE,
		flow.InvalidWindow:                       bpf.ConntrackInvalidINVALID_WINDOW,
		flow.InvalidReset:                        bpf.ConntrackInvalidINVALID_RESET,
		flow.InvalidICMP:                         bpf.ConntrackInvalidINVALID_ICMP,
		flow.Invalid(len(flow.InvalidReasons())): bpf.ConntrackInvalidNUM_INVALID,
	} {
		check("invalid "+invalid.String(), int(invalid), int(there))
	}
	for untracked, there := range map[flow.Untracked]bpf.ConntrackUntracked{
		flow.UntrackedTable:                          bpf.ConntrackUntrackedUNTRACKED_TABLE,
		flow.UntrackedNotIP:                          bpf.ConntrackUntrackedUNTRACKED_NOT_IP,
		flow.UntrackedDiscovery:                      bpf.ConntrackUntrackedUNTRACKED_DISCOVERY,
		flow.UntrackedFragment:                       bpf.ConntrackUntrackedUNTRACKED_FRAGMENT,
		flow.UntrackedQuotedFragment:                 bpf.ConntrackUntrackedUNTRACKED_QUOTED_FRAGMENT,
		flow.UntrackedExtensions:                     bpf.ConntrackUntrackedUNTRACKED_EXTENSIONS,
		flow.UntrackedEncapsulation:                  bpf.ConntrackUntrackedUNTRACKED_ENCAPSULATION,
		flow.Untracked(len(flow.UntrackedReasons())): bpf.ConntrackUntrackedNUM_UNTRACKED,
	} {
		check("untracked "+untracked.String(), int(untracked), int(there))
	}
	for verdict, there := range map[flow.Verdict]bpf.ConntrackVerdict{
		flow.VerdictNew:                    bpf.ConntrackVerdictVERDICT_NEW,
		flow.VerdictEstablished:            bpf.ConntrackVerdictVERDICT_ESTABLISHED,
		flow.VerdictRelated:                bpf.ConntrackVerdictVERDICT_RELATED,
		flow.VerdictInvalid:                bpf.ConntrackVerdictVERDICT_INVALID,
		flow.VerdictUntracked:              bpf.ConntrackVerdictVERDICT_UNTRACKED,
		flow.Verdict(len(flow.Verdicts())): bpf.ConntrackVerdictNUM_VERDICTS,
	} {
		check("verdict "+verdict.String(), int(verdict), int(there))
	}
	for kind, there := range map[flow.PacketKind]bpf.ConntrackPacketKind{
		flow.PacketFlow:      bpf.ConntrackPacketKindPACKET_FLOW,
		flow.PacketUntracked: bpf.ConntrackPacketKindPACKET_UNTRACKED,
		flow.PacketFragment:  bpf.ConntrackPacketKindPACKET_FRAGMENT,
		flow.PacketError:     bpf.ConntrackPacketKindPACKET_ERROR,
		flow.PacketMalformed: bpf.ConntrackPacketKindPACKET_MALFORMED,
	} {
		check("packet "+kind.String(), int(kind), int(there))
	}
	for timeout, there := range map[flow.TimeoutName]bpf.ConntrackTimeout{
		flow.TCPSynSent:        bpf.ConntrackTimeoutTIMEOUT_TCP_SYN_SENT,
		flow.TCPSynRecv:        bpf.ConntrackTimeoutTIMEOUT_TCP_SYN_RECV,
		flow.TCPEstablished:    bpf.ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED,
		flow.TCPFinWait:        bpf.ConntrackTimeoutTIMEOUT_TCP_FIN_WAIT,
		flow.TCPLastAck:        bpf.ConntrackTimeoutTIMEOUT_TCP_LAST_ACK,
		flow.TCPTimeWait:       bpf.ConntrackTimeoutTIMEOUT_TCP_TIME_WAIT,
		flow.TCPUnacknowledged: bpf.ConntrackTimeoutTIMEOUT_TCP_UNACKNOWLEDGED,
		flow.UDPUnidirectional: bpf.ConntrackTimeoutTIMEOUT_UDP_UNIDIRECTIONAL,
		flow.UDPBidirectional:  bpf.ConntrackTimeoutTIMEOUT_UDP_BIDIRECTIONAL,
		flow.ICMP:              bpf.ConntrackTimeoutTIMEOUT_ICMP,
		flow.Other:             bpf.ConntrackTimeoutTIMEOUT_OTHER,
		flow.TimeoutName(len(flow.TimeoutNames())): bpf.ConntrackTimeoutNUM_TIMEOUTS,
	} {
		check(timeout.String(), int(timeout), int(there))
	}
	for event, there := range map[flow.EventType]bpf.ConntrackEventType{
		flow.EventNew:     bpf.ConntrackEventTypeEVENT_NEW,
		flow.EventUpdate:  bpf.ConntrackEventTypeEVENT_UPDATE,
		flow.EventDestroy: bpf.ConntrackEventTypeEVENT_DESTROY,
	} {
		check("event "+event.String(), int(event), int(there))
	}
	check("origin", int(flow.Origin), int(bpf.ConntrackDirectionORIGIN))
	check("reply", int(flow.Reply), int(bpf.ConntrackDirectionREPLY))
	for _, p := range []flow.Policy{flow.PolicyObserve, flow.PolicyEnforce} {
		if got := policyFromKernel(kernelPolicy(p)); got != p {
			t.Errorf("policy %s came back as %s", p, got)
		}
	}
}

// Every value has a name of its own, and a value without one does not crash.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	name := func(s string) {
		t.Helper()
		if s == "" || seen[s] {
			t.Errorf("name %q is empty or came twice", s)
		}
		seen[s] = true
	}
	for _, s := range flow.States() {
		name(s.String())
	}
	for _, r := range flow.Reasons() {
		name(r.String())
	}
	for _, i := range flow.InvalidReasons() {
		name("invalid " + i.String())
	}
	for _, u := range flow.UntrackedReasons() {
		name("untracked " + u.String())
	}
	for _, n := range flow.TimeoutNames() {
		name(n.String())
		if back, err := flow.ParseTimeoutName(n.String()); err != nil || back != n {
			t.Errorf("%s came back as %s, %v", n, back, err)
		}
	}
	for _, e := range []flow.EventType{flow.EventNew, flow.EventUpdate, flow.EventDestroy, flow.EventLost} {
		name(e.String())
	}
	for p := range 256 {
		name("protocol " + flow.Protocol(p).String())
	}
	name(flow.State(200).String())
	name(flow.Reason(200).String())
	name(flow.TimeoutName(200).String())
	name(flow.EventType(200).String())
	name(flow.Invalid(200).String())
	name("untracked " + flow.Untracked(200).String())
}
