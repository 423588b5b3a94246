package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Cmd is an exec.Cmd that starts inside a host's namespace, or in the middle,
// but in the mount namespace of the caller, so that it sees the lab's pins. It
// is killed when the caller dies and when its context ends. As with exec.Cmd,
// call Wait after Start.
type Cmd struct {
	*exec.Cmd

	host *Host         // nil in the middle
	done chan struct{} // closed by Wait
	once sync.Once
}

// Command prepares a program to run inside the namespace. Unlike ip netns exec,
// it changes only the network namespace.
func (h *Host) Command(ctx context.Context, name string, args ...string) *Cmd {
	c := Command(ctx, name, args...)
	c.host = h
	return c
}

// Command prepares a program to run in the middle.
func Command(ctx context.Context, name string, args ...string) *Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return &Cmd{Cmd: cmd, done: make(chan struct{})}
}

// place returns the program's location, for errors.
func (c *Cmd) place() string {
	if c.host == nil {
		return "the middle"
	}
	return c.host.name
}

// enter moves the thread to the program's namespace.
func (c *Cmd) enter() error {
	if c.host == nil {
		return nil
	}
	return setns(c.host.ns)
}

// Start starts the program. Its death signal fires when the thread that started
// it ends, so Start uses a separate thread, which lives until Wait returns.
func (c *Cmd) Start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := c.enter()
		if err == nil {
			err = c.Cmd.Start()
		}
		started <- err
		if err == nil {
			<-c.done
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s in %s: %w", c.Args[0], c.place(), err)
	}
	return nil
}

// Wait waits for the program to end.
func (c *Cmd) Wait() error {
	defer c.once.Do(func() { close(c.done) })
	return c.Cmd.Wait()
}

// Run starts the program and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns its standard output. An error includes
// its standard error.
func (c *Cmd) Output() ([]byte, error) {
	var stdout, stderr bytes.Buffer
	if c.Stdout != nil {
		return nil, errors.New("run with output: Stdout is set already")
	}
	c.Stdout = &stdout
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err := c.Run()
	if err != nil {
		err = fmt.Errorf("run %s in %s: %w: %s", c.Args[0], c.place(), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the program and returns its standard output and standard
// error.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	if c.Stdout != nil || c.Stderr != nil {
		return nil, errors.New("run with output: Stdout or Stderr is set already")
	}
	var both bytes.Buffer
	c.Stdout, c.Stderr = &both, &both
	err := c.Run()
	return both.Bytes(), err
}
