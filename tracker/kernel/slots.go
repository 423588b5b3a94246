package kernel

import "sync"

// slots are numbers that are reserved within this process and among processes. Its
// methods are safe for concurrent use.
type slots struct {
	// lock reserves a slot among processes until release is called.
	lock func(slot uint32) (release func(), ok bool)

	mu     sync.Mutex
	taken  map[uint32]bool
	closed bool
}

func newSlots(lock func(slot uint32) (release func(), ok bool)) *slots {
	return &slots{lock: lock, taken: map[uint32]bool{}}
}

// Close prevents further reservations, so that the objects can be closed.
func (s *slots) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *slots) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// claim reserves a slot. It reports whether it was free.
func (s *slots) claim(slot uint32) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.taken[slot] {
		return nil, false
	}
	if release, ok = s.lock(slot); ok {
		s.taken[slot] = true
	}
	return release, ok
}

// free gives a slot of this process back. Unless the slots are closed, leave is called
// before.
func (s *slots) free(slot uint32, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		leave()
	}
	delete(s.taken, slot)
}
