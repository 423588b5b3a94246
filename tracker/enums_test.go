package tracker

import (
	"testing"

	"ctop/bpf"
)

// What the kernel and this package both name has the same number in both.
func TestEnumsEqualTheKernels(t *testing.T) {
	check := func(name string, here, there int) {
		t.Helper()
		if here != there {
			t.Errorf("%s is %d here and %d in the kernel", name, here, there)
		}
	}
	for state, there := range map[State]bpf.ConntrackFlowState{
		StateNone:        bpf.ConntrackFlowStateSTATE_NONE,
		StateNew:         bpf.ConntrackFlowStateSTATE_NEW,
		StateSynSent:     bpf.ConntrackFlowStateSTATE_SYN_SENT,
		StateSynRecv:     bpf.ConntrackFlowStateSTATE_SYN_RECV,
		StateEstablished: bpf.ConntrackFlowStateSTATE_ESTABLISHED,
		StateFinWait1:    bpf.ConntrackFlowStateSTATE_FIN_WAIT_1,
		StateFinWait2:    bpf.ConntrackFlowStateSTATE_FIN_WAIT_2,
		StateLastAck:     bpf.ConntrackFlowStateSTATE_LAST_ACK,
		StateTimeWait:    bpf.ConntrackFlowStateSTATE_TIME_WAIT,
	} {
		check(state.String(), int(state), int(there))
	}
	for reason, there := range map[Reason]bpf.ConntrackReason{
		ReasonNone:    bpf.ConntrackReasonREASON_NONE,
		ReasonRST:     bpf.ConntrackReasonREASON_RST,
		ReasonClosed:  bpf.ConntrackReasonREASON_CLOSED,
		ReasonExpired: bpf.ConntrackReasonREASON_EXPIRED,
		ReasonDeleted: bpf.ConntrackReasonREASON_DELETED,
		ReasonEvicted: bpf.ConntrackReasonREASON_EVICTED,
		ReasonReused:  bpf.ConntrackReasonREASON_REUSED,
	} {
		check("reason "+reason.String(), int(reason), int(there))
	}
	for invalid, there := range map[Invalid]bpf.ConntrackInvalid{
		InvalidMalformed: bpf.ConntrackInvalidINVALID_MALFORMED,
		InvalidFlags:     bpf.ConntrackInvalidINVALID_FLAGS,
		InvalidNoFlow:    bpf.ConntrackInvalidINVALID_NO_FLOW,
		InvalidState:     bpf.ConntrackInvalidINVALID_STATE,
		InvalidWindow:    bpf.ConntrackInvalidINVALID_WINDOW,
		InvalidReset:     bpf.ConntrackInvalidINVALID_RESET,
		InvalidICMP:      bpf.ConntrackInvalidINVALID_ICMP,
		numInvalid:       bpf.ConntrackInvalidNUM_INVALID,
	} {
		check("invalid "+invalid.String(), int(invalid), int(there))
	}
	for untracked, there := range map[Untracked]bpf.ConntrackUntracked{
		UntrackedTable:          bpf.ConntrackUntrackedUNTRACKED_TABLE,
		UntrackedNotIP:          bpf.ConntrackUntrackedUNTRACKED_NOT_IP,
		UntrackedDiscovery:      bpf.ConntrackUntrackedUNTRACKED_DISCOVERY,
		UntrackedFragment:       bpf.ConntrackUntrackedUNTRACKED_FRAGMENT,
		UntrackedQuotedFragment: bpf.ConntrackUntrackedUNTRACKED_QUOTED_FRAGMENT,
		UntrackedExtensions:     bpf.ConntrackUntrackedUNTRACKED_EXTENSIONS,
		UntrackedEncapsulation:  bpf.ConntrackUntrackedUNTRACKED_ENCAPSULATION,
		numUntracked:            bpf.ConntrackUntrackedNUM_UNTRACKED,
	} {
		check("untracked "+untracked.String(), int(untracked), int(there))
	}
	for verdict, there := range map[Verdict]bpf.ConntrackVerdict{
		VerdictNew:         bpf.ConntrackVerdictVERDICT_NEW,
		VerdictEstablished: bpf.ConntrackVerdictVERDICT_ESTABLISHED,
		VerdictRelated:     bpf.ConntrackVerdictVERDICT_RELATED,
		VerdictInvalid:     bpf.ConntrackVerdictVERDICT_INVALID,
		VerdictUntracked:   bpf.ConntrackVerdictVERDICT_UNTRACKED,
		numVerdicts:        bpf.ConntrackVerdictNUM_VERDICTS,
	} {
		check("verdict "+verdict.String(), int(verdict), int(there))
	}
	for kind, there := range map[PacketKind]bpf.ConntrackPacketKind{
		PacketFlow:      bpf.ConntrackPacketKindPACKET_FLOW,
		PacketUntracked: bpf.ConntrackPacketKindPACKET_UNTRACKED,
		PacketFragment:  bpf.ConntrackPacketKindPACKET_FRAGMENT,
		PacketError:     bpf.ConntrackPacketKindPACKET_ERROR,
		PacketMalformed: bpf.ConntrackPacketKindPACKET_MALFORMED,
	} {
		check("packet "+kind.String(), int(kind), int(there))
	}
	for timeout, there := range map[TimeoutName]bpf.ConntrackTimeout{
		TCPSynSent:        bpf.ConntrackTimeoutTIMEOUT_TCP_SYN_SENT,
		TCPSynRecv:        bpf.ConntrackTimeoutTIMEOUT_TCP_SYN_RECV,
		TCPEstablished:    bpf.ConntrackTimeoutTIMEOUT_TCP_ESTABLISHED,
		TCPFinWait:        bpf.ConntrackTimeoutTIMEOUT_TCP_FIN_WAIT,
		TCPLastAck:        bpf.ConntrackTimeoutTIMEOUT_TCP_LAST_ACK,
		TCPTimeWait:       bpf.ConntrackTimeoutTIMEOUT_TCP_TIME_WAIT,
		TCPUnacknowledged: bpf.ConntrackTimeoutTIMEOUT_TCP_UNACKNOWLEDGED,
		UDPUnidirectional: bpf.ConntrackTimeoutTIMEOUT_UDP_UNIDIRECTIONAL,
		UDPBidirectional:  bpf.ConntrackTimeoutTIMEOUT_UDP_BIDIRECTIONAL,
		ICMP:              bpf.ConntrackTimeoutTIMEOUT_ICMP,
		Other:             bpf.ConntrackTimeoutTIMEOUT_OTHER,
		numTimeouts:       bpf.ConntrackTimeoutNUM_TIMEOUTS,
	} {
		check(timeout.String(), int(timeout), int(there))
	}
	for event, there := range map[EventType]bpf.ConntrackEventType{
		EventNew:     bpf.ConntrackEventTypeEVENT_NEW,
		EventUpdate:  bpf.ConntrackEventTypeEVENT_UPDATE,
		EventDestroy: bpf.ConntrackEventTypeEVENT_DESTROY,
	} {
		check("event "+event.String(), int(event), int(there))
	}
	check("origin", int(Origin), int(bpf.ConntrackDirectionORIGIN))
	check("reply", int(Reply), int(bpf.ConntrackDirectionREPLY))
	for _, p := range []Policy{PolicyObserve, PolicyEnforce} {
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
	for _, s := range States() {
		name(s.String())
	}
	for _, r := range Reasons() {
		name(r.String())
	}
	for _, i := range InvalidReasons() {
		name("invalid " + i.String())
	}
	for _, u := range UntrackedReasons() {
		name("untracked " + u.String())
	}
	for _, n := range TimeoutNames() {
		name(n.String())
		if back, err := ParseTimeoutName(n.String()); err != nil || back != n {
			t.Errorf("%s came back as %s, %v", n, back, err)
		}
	}
	for _, e := range []EventType{EventNew, EventUpdate, EventDestroy, EventLost} {
		name(e.String())
	}
	for p := range 256 {
		name("protocol " + Protocol(p).String())
	}
	name(State(200).String())
	name(Reason(200).String())
	name(TimeoutName(200).String())
	name(EventType(200).String())
	name(Invalid(200).String())
	name("untracked " + Untracked(200).String())
}
