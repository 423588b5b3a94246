package bpf

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// together runs f on up to four CPUs at the same time. f must not end the test.
func together(t *testing.T, f func(cpu int)) {
	t.Helper()
	cpus := someCPUs(t, 4)
	if len(cpus) == 1 {
		t.Log("this machine has one CPU only: nothing happens at once")
	}
	var all sync.WaitGroup
	for _, cpu := range cpus {
		all.Go(func() {
			defer onCPU(t, cpu)()
			f(cpu)
		})
	}
	all.Wait()
}

// program returns the entry point of a hook.
func (h *harness) program(by hook) *ebpf.Program {
	if by == hookTC {
		return h.CtopTc
	}
	return h.CtopXdp
}

// A direction whose packets are tracked on several CPUs at once counts all of them.
func TestCountersOfSharedDirection(t *testing.T) {
	const each = 50000
	h := newHarness(t, setup{})
	for _, by := range hooks {
		h.reset()
		f := udpFrame(client4, server4, 1, 2, 30)
		key, _ := keyOf(f, 1, 2)
		// The first packet of each CPU marks the direction as shared.
		before, cpus := h.counters(), someCPUs(t, 4)
		for _, cpu := range cpus {
			release := onCPU(t, cpu)
			h.run(by, f.Bytes())
			release()
		}
		together(t, func(int) {
			if _, err := h.program(by).Run(&ebpf.RunOptions{Data: f.Bytes(), Repeat: each}); err != nil {
				t.Error(err)
			}
		})
		flow, want := h.flow(key), uint64(len(cpus)*(each+1))
		if flow.Origin.Packets != want || flow.Origin.Bytes != want*uint64(len(f.Bytes())) {
			t.Errorf("%s: %d packets, %d bytes, want %d packets", by, flow.Origin.Packets, flow.Origin.Bytes, want)
		}
		if counted := h.since(before); counted.Verdict[ConntrackVerdictVERDICT_NEW] != want || counted.Created != 1 {
			t.Errorf("%s: counted %+v", by, counted)
		}
	}
}

// When several CPUs change the same flows at once, every flow begins once and ends
// at most once, each of its events is of that flow, and no packet or event is lost.
func TestFlowsRaced(t *testing.T) {
	h := newHarness(t, setup{})
	frames := conversation()[:20]
	before := h.counters()
	const each = 6000
	together(t, func(cpu int) {
		random := rand.New(rand.NewPCG(uint64(cpu), 3))
		for range each {
			by := hooks[random.IntN(len(hooks))]
			if _, err := h.program(by).Run(&ebpf.RunOptions{Data: frames[random.IntN(len(frames))]}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	counted := h.since(before)
	if n := int(counted.Created) - ended(counted); n != h.count() {
		t.Errorf("%d created, %d ended, %d there", counted.Created, ended(counted), h.count())
	}
	if n, want := verdicts(&counted), uint64(len(someCPUs(t, 4))*each); n != want {
		t.Errorf("%d verdicts for %d packets", n, want)
	}
	begun, over := map[uint64]int{}, map[uint64]int{}
	// states counts how often each flow came into each state, less how often it left it.
	states := map[uint64]*[256]int{}
	events := h.drain()
	for _, e := range events {
		if states[e.Id] == nil {
			states[e.Id] = new([256]int)
		}
		states[e.Id][e.From]--
		states[e.Id][e.To]++
		switch ConntrackEventType(e.Type) {
		case ConntrackEventTypeEVENT_NEW:
			begun[e.Id]++
		case ConntrackEventTypeEVENT_DESTROY:
			over[e.Id]++
		}
	}
	if uint64(len(events)) != eventsMade(counted) || len(begun) != int(counted.Created) || len(over) != ended(counted) {
		t.Errorf("%d events of %d, %d beginnings, %d ends: %+v", len(events), eventsMade(counted), len(begun), len(over), counted)
	}
	for id, n := range begun {
		if n != 1 || over[id] > 1 {
			t.Errorf("flow %x began %d times and ended %d times", id, n, over[id])
		}
	}
	for id, balance := range states {
		now := 0
		for state, n := range balance[1:] {
			if n != 0 && n != 1 {
				t.Errorf("flow %x came %d times more into state %d than it left it", id, n, state+1)
			}
			now += n
		}
		if now != begun[id]-over[id] {
			t.Errorf("flow %x, which began %d times and ended %d times, is in %d states", id, begun[id], over[id], now)
		}
	}
	t.Logf("%d flows, %d events, %d packets gave up a transition", counted.Created, eventsMade(counted), counted.Races)
}

// someCPUs returns at most so many CPUs that the process may run on. In a container
// the first of them may not be CPU 0.
func someCPUs(t testing.TB, most int) (list []int) {
	t.Helper()
	var allowed unix.CPUSet
	ok(t, unix.SchedGetaffinity(0, &allowed))
	for cpu := 0; len(list) < min(most, allowed.Count()); cpu++ {
		if allowed.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list
}

// onCPU keeps the goroutine on a CPU until release is called. It blocks the preemption
// signals of Go's scheduler, since one of them would restart a repeated test run.
func onCPU(t testing.TB, cpu int) (release func()) {
	t.Helper()
	runtime.LockOSThread()
	var before, set unix.CPUSet
	var unmasked, urgent unix.Sigset_t
	urgent.Val[0] = 1 << (unix.SIGURG - 1)
	set.Set(cpu)
	err := errors.Join(unix.SchedGetaffinity(0, &before), unix.SchedSetaffinity(0, &set),
		unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, &unmasked))
	if err != nil {
		t.Errorf("run on CPU %d: %v", cpu, err)
	}
	return func() {
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &unmasked, nil)
		_ = unix.SchedSetaffinity(0, &before)
		runtime.UnlockOSThread()
	}
}
