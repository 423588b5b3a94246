package lab_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"ctop/internal/lab"
)

// programVar makes the test binary run as a program that isolates itself.
const programVar = "CTOP_LAB_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == lab.PlayArgument {
		if err := lab.Play(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	switch os.Getenv(programVar) {
	case "":
		os.Exit(lab.Main(m))
	case "leak":
		os.Exit(lab.Main(leaks{}))
	case "fail":
		os.Exit(lab.Main(fails{}))
	default:
		os.Exit(program())
	}
}

// program builds a lab, starts a process in it, prints "ready" with the pids,
// and exits at SIGTERM with status 7.
func program() int {
	if err := lab.Isolate(); err != nil {
		fmt.Println(err)
		return 1
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	l, err := lab.New(context.Background(), lab.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	sleep := l.Client.Command(context.Background(), "sleep", "1000")
	if err := sleep.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready", os.Getpid(), sleep.Process.Pid, os.Args[1:], os.Environ())
	<-terminate
	return 7
}

// fails represents tests that fail.
type fails struct{}

func (fails) Run() int { return 5 }

// leaks represents tests that pass and leak one of everything.
type leaks struct{}

func (leaks) Run() int {
	if _, err := lab.New(context.Background(), lab.Options{}); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := exec.Command("sleep", "1000").Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := os.Mkdir("/sys/fs/bpf/pinned", 0o700); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
