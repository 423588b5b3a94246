package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// systemCall is a call that a program is about to make.
type systemCall struct {
	number uint64
	args   [6]uint64
}

// tracee is a program that is killed on its way into a system call.
type tracee struct {
	cmd *exec.Cmd
	// counts reports whether a call is one at which to kill; nil selects all.
	counts func(systemCall) bool
	// killAt is the call at which to kill, counted over all threads since armed
	// was set; zero means none.
	killAt int
	armed  atomic.Bool

	// The result, valid once ended is closed.
	ended  chan struct{}
	made   int // calls that counted
	killed bool
	status syscall.WaitStatus
	err    error
}

// start runs the program. ptrace(2) ties the tracer to a thread, which ends
// with the program.
func (p *tracee) start(t testing.TB) {
	t.Helper()
	p.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL}
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.follow(p.cmd.Process.Pid)
			_ = p.cmd.Process.Release() // waited for already
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(unix.SIGKILL)
		<-p.ended
	})
}

// signal sends a signal, unless the program has ended.
func (p *tracee) signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = unix.Kill(p.cmd.Process.Pid, s)
	}
}

// follow continues every thread, call by call, to the end.
func (p *tracee) follow(pid int) error {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return fmt.Errorf("wait for the program to begin: %w", err)
	}
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return fmt.Errorf("trace the program: %w", err)
	}
	for at := pid; ; {
		if err := unix.PtraceSyscall(at, p.deliver(at, pid, status)); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("let the program go on: %w", err)
		}
		for {
			var err error
			at, err = unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("wait for the program: %w", err)
			}
			if status.Stopped() {
				break
			}
			if at == pid {
				p.status = syscall.WaitStatus(status)
				return nil
			}
		}
	}
}

// deliver determines why a thread has stopped, and returns the signal with
// which to continue.
func (p *tracee) deliver(at, pid int, status unix.WaitStatus) int {
	const systemCallStop = unix.SIGTRAP | 0x80
	switch s := status.StopSignal(); s {
	case systemCallStop:
		if call, ok := entered(at); ok && p.armed.Load() && (p.counts == nil || p.counts(call)) {
			if p.made++; p.made == p.killAt {
				p.killed = true
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		return 0
	case unix.SIGTRAP, unix.SIGSTOP: // it was started, or has a new thread
		return 0
	default:
		return int(s)
	}
}

// entered returns the call that a stopped thread is about to make; ok is false
// after the call.
func entered(tid int) (call systemCall, ok bool) {
	const entry = 1 // PTRACE_SYSCALL_INFO_ENTRY
	var info struct {
		op   uint8
		_    [3]uint8
		arch uint32
		_    [2]uint64
		call systemCall
		_    [4]uint64
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info.call, errno == 0 && info.op == entry
}
