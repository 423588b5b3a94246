package flow

import (
	"fmt"
	"slices"
	"testing"
)

// names returns the names of the first n values of an enumeration.
func names[T interface {
	enum
	fmt.Stringer
}](n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = T(i).String()
	}
	return list
}

// Every name is as outputs spell it, and the first value past the end has none.
func TestNames(t *testing.T) {
	for _, tt := range []struct {
		of   string
		got  []string
		want []string
	}{
		{"states", names[State](10), []string{
			"NONE", "NEW", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "LAST_ACK", "TIME_WAIT", "STATE_9",
		}},
		{"name sources", names[NameSource](5), []string{"", "sni", "sni?", "dns", ""}},
		{"roles", names[Role](3), []string{"wire", "watch", "role_2"}},
		{"directions", names[Direction](2), []string{"origin", "reply"}},
		{"drops", names[Drop](4), []string{"policy", "too_long", "output", "unknown"}},
		{"invalid", names[Invalid](8), []string{
			"malformed", "flags", "no_flow", "state", "window", "reset", "icmp", "unknown",
		}},
		{"untracked", names[Untracked](8), []string{
			"table", "not_ip", "discovery", "fragment", "quoted_fragment", "extensions", "encapsulation", "unknown",
		}},
		{"event types", names[EventType](6), []string{"event_0", "new", "update", "destroy", "lost", "event_5"}},
		{"reasons", names[Reason](9), []string{
			"", "rst", "closed", "expired", "deleted", "evicted", "reused", "reset", "reason_8",
		}},
		{"closers", names[Closer](4), []string{"", "origin", "reply", ""}},
		{"modes", names[Mode](6), []string{"auto", "native", "tc", "generic", "replay", "mode_5"}},
		{"policies", names[Policy](2), []string{"observe", "enforce"}},
		{"verdicts", names[Verdict](6), []string{"new", "established", "related", "invalid", "untracked", "unknown"}},
		{"kinds of packets", names[PacketKind](6), []string{"flow", "untracked", "fragment", "error", "malformed", "unknown"}},
		{"kinds of acts", names[ActKind](6), []string{"delete", "timeout", "flow_timeout", "reset", "capture", "act_5"}},
		{"timeouts", names[TimeoutName](12), []string{
			"tcp_syn_sent", "tcp_syn_recv", "tcp_established", "tcp_fin_wait", "tcp_last_ack", "tcp_time_wait",
			"tcp_unacknowledged", "udp_unidirectional", "udp_bidirectional", "icmp", "other", "timeout_11",
		}},
		{"states of pairs", names[PairState](8), []string{"none", "alone", "catching_up", "partner_catching_up", "in_sync", "away", "stopped", "pair_7"}},
		{"kinds of warnings", names[WarningKind](int(numWarningKinds) + 1), append(warningKindNames[:], "warning_13")},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.of, tt.got, tt.want)
		}
	}
}

// The lists have every value once, in the order of the enumeration.
func TestLists(t *testing.T) {
	isList(t, States(), StateNew, StateTimeWait)
	isList(t, Reasons(), ReasonRST, ReasonReset)
	isList(t, Drops(), DropPolicy, DropOutput)
	isList(t, InvalidReasons(), InvalidMalformed, InvalidICMP)
	isList(t, UntrackedReasons(), UntrackedTable, UntrackedEncapsulation)
	isList(t, Verdicts(), VerdictNew, VerdictUntracked)
	isList(t, PacketKinds(), PacketFlow, PacketMalformed)
	isList(t, TimeoutNames(), TCPSynSent, Other)
}

func isList[T enum](t *testing.T, list []T, first, last T) {
	t.Helper()
	for i, v := range list {
		if v != first+T(i) {
			t.Errorf("%T %d is at %d", v, v, i)
		}
	}
	if len(list) != int(last-first)+1 {
		t.Errorf("%d values of %T", len(list), first)
	}
}

// Names of modes and policies are read as they are written, and others are refused.
func TestParseNames(t *testing.T) {
	for _, m := range []Mode{ModeAuto, ModeNative, ModeTC, ModeGeneric} {
		if got, err := ParseMode(m.String()); err != nil || got != m {
			t.Errorf("%s is %s, %v", m, got, err)
		}
	}
	for _, p := range []Policy{PolicyObserve, PolicyEnforce} {
		if got, err := ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%s is %s, %v", p, got, err)
		}
	}
	for _, text := range []string{"", "replay", "xdp", "Auto"} { // a replay cannot be asked for
		if m, err := ParseMode(text); err == nil {
			t.Errorf("%q is taken for %s", text, m)
		}
		if p, err := ParsePolicy(text); err == nil || p != PolicyObserve { // whoever overlooks the error drops nothing
			t.Errorf("%q is taken for %s, %v", text, p, err)
		}
	}
}

func TestPhases(t *testing.T) {
	for i, want := range []struct{ opening, closing bool }{
		StateNone: {}, StateNew: {opening: true}, StateSynSent: {opening: true}, StateSynRecv: {opening: true}, StateEstablished: {},
		StateFinWait1: {closing: true}, StateFinWait2: {closing: true}, StateLastAck: {closing: true}, StateTimeWait: {closing: true},
	} {
		if s := State(i); s.Opening() != want.opening || s.Closing() != want.closing {
			t.Errorf("%s: opening %v, closing %v", s, s.Opening(), s.Closing())
		}
	}
	if State(9).Closing() {
		t.Error("a state that is none is closing")
	}
}
