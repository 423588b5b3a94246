package lab_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"ctop/internal/lab"
)

// programVar makes the test binary act as a program that isolates itself.
const programVar = "CTOP_LAB_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVar) != "" {
		os.Exit(program())
	}
	os.Exit(lab.Main(m))
}

// program builds a lab, leaves a process in it, says "ready" with the pids, and
// ends at SIGTERM with status 7.
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
