// Package mutant switches the mutations of a program that mutate has built. Each one has
// a number, and a file has the number of the one that is on. Programs that a test builds
// and starts read the same file.
package mutant

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// The files. The first has the number of the mutation that is on. If the second exists,
// it receives the numbers of the mutations that are reached.
const (
	ActiveFile  = "active"
	ReachedFile = "reached"
)

// directory has the files. mutate fills it in.
const directory = ""

var current = load(directory)

// state is what a program knows about its mutations.
type state struct {
	active int
	// reached is a file's name, empty if nobody wants to know.
	reached string
	mu      sync.Mutex
	seen    map[int]bool
}

func load(dir string) *state {
	s := &state{active: -1, seen: map[int]bool{}}
	if text, err := os.ReadFile(filepath.Join(dir, ActiveFile)); err == nil {
		if number, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			s.active = number
		}
	}
	reached := filepath.Join(dir, ReachedFile)
	if _, err := os.Stat(reached); err == nil && dir != "" {
		s.reached = reached
	}
	return s
}

// On reports whether a mutation is on.
func On(number int) bool { return current.on(number) }

// Choose returns the mutated value if a mutation is on.
func Choose[T any](number int, original, mutated T) T {
	if current.on(number) {
		return mutated
	}
	return original
}

func (s *state) on(number int) bool {
	if s.reached != "" {
		s.reach(number)
	}
	return number == s.active
}

// reach records a mutation. The file is not kept open, because tests count descriptors.
func (s *state) reach(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[number] {
		return
	}
	s.seen[number] = true
	file, err := os.OpenFile(s.reached, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = file.WriteString(strconv.Itoa(number) + "\n")
	_ = file.Close()
}
