package work_test

import (
	"slices"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/ui/work"
)

// bench runs commands when the test wants it, and not before.
type bench struct {
	now     time.Time
	begun   int
	results []int
	took    time.Duration
	nothing bool
	task    *work.Task[int]
}

func newBench() *bench {
	b := &bench{now: time.Unix(1000, 0)}
	b.task = work.NewTask(func() time.Time { return b.now }, func() func() int {
		if b.nothing {
			return nil
		}
		b.begun++
		n := b.begun
		return func() int {
			b.now = b.now.Add(b.took)
			return n
		}
	}, func(n int) tea.Cmd {
		b.results = append(b.results, n)
		return nil
	})
	return b
}

// end runs a command and takes what it finds. It returns what is to be run next.
func (b *bench) end(t *testing.T, cmd tea.Cmd) tea.Cmd {
	t.Helper()
	if cmd == nil {
		t.Fatal("nothing was begun")
	}
	done, ok := cmd().(work.Done)
	if !ok {
		t.Fatalf("%T is no result", done)
	}
	return done.Take()
}

func (b *bench) has(t *testing.T, want ...int) {
	t.Helper()
	if !slices.Equal(b.results, want) {
		t.Errorf("the results are %v, not %v", b.results, want)
	}
}

func TestDo(t *testing.T) {
	got := 0
	next := newBench().end(t, work.Do(func() int { return 7 }, func(n int) tea.Cmd {
		got = n
		return tea.Quit
	}))
	if got != 7 || next == nil {
		t.Errorf("took %d", got)
	}
}

func TestTaskRunsOnlyWhenItsInputHasChanged(t *testing.T) {
	b := newBench()
	if b.task.Run() != nil {
		t.Error("it runs though nothing has changed")
	}
	b.task.Outdate()
	if b.end(t, b.task.Run()) != nil || b.task.Run() != nil {
		t.Error("it runs once more")
	}
	b.has(t, 1)
}

func TestTaskNeverRunsTwiceAtATime(t *testing.T) {
	b := newBench()
	b.task.Outdate()
	first := b.task.Run()
	b.task.Outdate()
	if b.task.Run() != nil {
		t.Fatal("it runs twice at a time")
	}
	// What has changed meanwhile is not forgotten, nor is the first result.
	b.end(t, b.end(t, first))
	b.has(t, 1, 2)
}

func TestTaskDropsWhatWasOvertaken(t *testing.T) {
	b := newBench()
	b.took = time.Second
	first := b.task.Renew()
	if b.task.Renew() != nil {
		t.Fatal("it runs twice at a time")
	}
	b.end(t, b.end(t, first))
	b.has(t, 2)
}

func TestTaskRests(t *testing.T) {
	b := newBench()
	b.took = time.Second
	b.task.Outdate()
	b.end(t, b.task.Run())
	b.task.Outdate()
	b.now = b.now.Add(3*time.Second - 1)
	if b.task.Run() != nil {
		t.Fatal("it does not rest three times as long as it ran")
	}
	b.now = b.now.Add(1)
	b.end(t, b.task.Run())
	if cmd := b.task.Renew(); cmd == nil {
		t.Error("a request waits for the rest to be over")
	}
	b.has(t, 1, 2)
}

func TestTaskWaitsForItsInput(t *testing.T) {
	b := newBench()
	b.nothing = true
	if b.task.Renew() != nil {
		t.Error("it runs without input")
	}
	b.nothing = false
	b.end(t, b.task.Run())
	b.has(t, 1)
}
