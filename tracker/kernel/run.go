package kernel

import (
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// testRun is what BPF_PROG_TEST_RUN takes of union bpf_attr (linux/bpf.h). On the machines of
// ctop, which have 64 bits, a pointer is as long as there.
type testRun struct {
	program, result       uint32
	dataInSize, dataOut   uint32
	dataIn, dataOutAt     uint64
	repeat, duration      uint32
	contextSize, outSize  uint32
	context, contextOutAt unsafe.Pointer
	flags, cpu, batch, _  uint32
}

// runOn runs a program of type syscall on its arguments, which have size bytes and no pointers,
// and into which it writes its results.
//
// It is [ebpf.Program.Run] with one system call in place of three, and without copies: Run keeps
// the signals of a profiler from interrupting a program that is repeated. One of this type runs
// once (bpf_prog_test_run_syscall in net/bpf/test_run.c), and no signal interrupts it. It has to
// be one that takes microseconds: the scheduler of Go does not hear of the call.
func runOn(p *ebpf.Program, args unsafe.Pointer, size uintptr) error {
	run := testRun{program: uint32(p.FD()), contextSize: uint32(size), context: args}
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&run)), unsafe.Sizeof(run))
	runtime.KeepAlive(p)
	if errno != 0 {
		return errno
	}
	return nil
}
