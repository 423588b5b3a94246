// Package work runs what takes long off the console's goroutine: looking at the
// source, sorting, counting, changing flows, looking names up. A result comes back
// as a [Done] message and is taken on the console's goroutine, so neither side needs
// a lock.
package work

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// Done is the message that work has ended.
type Done struct{ take func() tea.Cmd }

// Take hands the result to whoever asked for it. Only Update may call it.
func (d Done) Take() tea.Cmd { return d.take() }

// Do returns a command that calls do on a goroutine of its own, and has take called
// with the result on the console's.
func Do[T any](do func() T, take func(T) tea.Cmd) tea.Cmd {
	return func() tea.Msg {
		result := do()
		return Done{func() tea.Cmd { return take(result) }}
	}
}

// idleShare is how much longer than it ran a task rests, so that a million flows
// do not keep a core busy. A task that the operator asks for does not wait.
const idleShare = 3

// Task is a computation that is repeated when its input changes. It never runs more
// than once at a time, so a table that takes long to sort does not pile up work. Its
// methods are for the console's goroutine.
type Task[T any] struct {
	clock   func() time.Time
	prepare func() func() T
	take    func(T) tea.Cmd

	// request counts the calls of Renew.
	request        int
	running, stale bool
	restUntil      time.Time
}

// NewTask returns a task. When it is started, prepare copies the input and returns
// the computation, or nil if there is nothing to compute now. Results go to take.
func NewTask[T any](clock func() time.Time, prepare func() func() T, take func(T) tea.Cmd) *Task[T] {
	return &Task[T]{clock: clock, prepare: prepare, take: take}
}

// Outdate notes that the input is newer than the last result.
func (t *Task[T]) Outdate() { t.stale = true }

// Renew starts the task for a request of the operator: without a rest, and the
// result of a computation that is still running will be dropped.
func (t *Task[T]) Renew() tea.Cmd {
	t.request++
	t.stale, t.restUntil = true, time.Time{}
	return t.Run()
}

// Run starts the task if its input has changed, it is not running, and it has
// rested.
func (t *Task[T]) Run() tea.Cmd {
	if !t.stale || t.running || t.clock().Before(t.restUntil) {
		return nil
	}
	do := t.prepare()
	if do == nil {
		return nil
	}
	t.stale, t.running = false, true
	began, request := t.clock(), t.request
	return Do(do, func(result T) tea.Cmd { return t.finish(result, request, began) })
}

func (t *Task[T]) finish(result T, request int, began time.Time) tea.Cmd {
	t.running = false
	if request != t.request {
		t.stale, t.restUntil = true, time.Time{}
		return t.Run()
	}
	now := t.clock()
	t.restUntil = now.Add(idleShare * now.Sub(began))
	cmd := t.take(result)
	return tea.Batch(t.Run(), cmd)
}
