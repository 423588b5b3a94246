package bpf

import (
	"slices"
	"testing"

	"ctop/internal/frame"
)

// In a nearly full table the sweep ends unanswered flows, and flows that both sides have
// closed, early. It ends no others early.
func TestSweepUnderPressure(t *testing.T) {
	h := newHarness(t, setup{})
	const most = 240 // of 256: a sixteenth is left
	alive := h.establish(hookXDP, client4, server4)
	ended := h.establish(hookXDP, client6, server6)
	over := h.flow(ended)
	over.Control = over.Control&^0x3f | uint64(ConntrackFlowStateSTATE_TIME_WAIT)
	h.change(over)
	opened := frame.Segment{Window: 10000, Sport: 50000, Dport: 443, Flags: frame.SYN}
	h.run(hookXDP, frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP, L4: opened.Bytes()}.Bytes())
	half, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoTCP}, 50000, 443)
	h.run(hookXDP, udpFrame(client4, server4, 1, 2, 10).Bytes())
	oneWay, _ := keyOf(frame.Frame{Src: client4, Dst: server4, Proto: frame.ProtoUDP}, 1, 2)
	for port := range uint16(2) {
		h.run(hookXDP, udpFrame(client6, server6, 3+port, 4, 10).Bytes())
	}
	h.run(hookXDP, udpFrame(server6, client6, 4, 3, 10).Bytes())
	answered, _ := keyOf(frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoUDP}, 3, 4)
	given, _ := keyOf(frame.Frame{Src: client6, Dst: server6, Proto: frame.ProtoUDP}, 4, 4)
	h.syscall(h.Request, &ConntrackRequestArgs{
		Key: given, Id: h.flow(given).ID(), Request: ConntrackFlowRequestREQUEST_TIMEOUT, TimeoutTicks: 100,
	})
	h.drain()

	for _, step := range []struct {
		wait     uint64
		pressure uint32
		gone     []ConntrackFlowKey
	}{
		{7, most, nil},
		{1, 0, nil},
		{0, most, []ConntrackFlowKey{half}},   // 120 s / 16
		{1, most, []ConntrackFlowKey{ended}},  // 135 s / 16
		{9, most, nil},                        //
		{1, most, []ConntrackFlowKey{oneWay}}, // 300 s / 16
		{70, most, nil},                       // the answered, and one with a timeout of its own
		{0, 256, nil},
		{0, 1 << 31, nil},                         // no such pressure
		{12, most, []ConntrackFlowKey{given}},     // by its own time
		{500, most, []ConntrackFlowKey{answered}}, // by its own time
		{420000, most, nil},                       //
		{12000, most, []ConntrackFlowKey{alive}},  // by its own time
	} {
		h.wait(step.wait)
		before := h.count()
		args := h.sweep(ConntrackSweepArgs{Pressure: step.pressure})
		if int(args.Expired+args.Evicted) != len(step.gone) || h.count() != before-len(step.gone) {
			t.Errorf("after %d s more with pressure %d: swept %+v, want %d", step.wait, step.pressure, args, len(step.gone))
		}
		for _, key := range step.gone {
			early := slices.Contains([]ConntrackFlowKey{half, ended, oneWay}, key)
			if h.flow(key) != nil || (args.Evicted == 1) != early {
				t.Errorf("after %d s more: %+v is there, or went for another reason: %+v", step.wait, key, args)
			}
		}
	}
	h.expectFlows(0)
}
