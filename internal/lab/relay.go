package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// relay carries the frames of one direction.
type relay struct {
	from, to *os.File
	group    sync.WaitGroup
	wake     chan struct{} // something was queued
	done     chan struct{}

	mu         sync.Mutex
	impairment Impairment
	random     *rand.Rand
	waiting    flights
	count      CableCounts
	queued     uint64
}

// flight is a frame that is not due yet.
type flight struct {
	due   time.Time
	order uint64
	frame []byte
}

// flights is a heap of frames by due time, then by order.
type flights []flight

func (f flights) Len() int { return len(f) }

func (f flights) Less(i, j int) bool {
	if f[i].due.Equal(f[j].due) {
		return f[i].order < f[j].order
	}
	return f[i].due.Before(f[j].due)
}

func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

func (f *flights) Push(x any) { *f = append(*f, x.(flight)) }

func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// relaySocket opens a packet socket for the frames that arrive on the link,
// with the header that describes work left to the card.
func relaySocket(ns *os.File, index int) (file *os.File, err error) {
	const queue = 8 << 20
	err = inNamespace(ns, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queue),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, queue),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index}),
		)
		if err != nil {
			return errors.Join(fmt.Errorf("prepare packet socket: %w", err), unix.Close(fd))
		}
		file = os.NewFile(uintptr(fd), "cable")
		return nil
	})
	return file, err
}

func startRelay(from, to *os.File, i Impairment, seed uint64) *relay {
	r := &relay{
		from: from, to: to, impairment: i, random: rand.New(rand.NewPCG(seed, 0)),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	r.group.Add(2)
	go func() { defer r.group.Done(); r.read() }()
	go func() { defer r.group.Done(); r.write() }()
	return r
}

// stop ends the relay. Waiting frames are lost. The other direction's relay
// sends through the socket that this one reads, and finds it closed.
func (r *relay) stop() {
	close(r.done)
	_ = r.from.Close()
	r.group.Wait()
}

func (r *relay) impair(i Impairment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.impairment = i
}

func (r *relay) counts() CableCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// read reads frames until the socket is closed. It continues if the link is
// down for a moment.
func (r *relay) read() {
	buf := make([]byte, 1<<17)
	for {
		n, err := r.from.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		for _, frame := range wireFrames(buf[:n]) {
			r.take(frame)
		}
	}
}

// take decides the fate of one frame. Every frame draws the same numbers, so
// that the fate of one does not depend on the shares of another.
func (r *relay) take(frame []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.impairment
	lost, twice, late := r.random.Float64() < i.Loss, r.random.Float64() < i.Duplicate, r.random.Float64() < i.Reorder
	r.count.Frames++
	if lost {
		r.count.Lost++
		return
	}
	due := time.Now().Add(i.Delay)
	if late {
		r.count.Reordered++
		due = due.Add(max(i.HoldBack, 0))
		if i.HoldBack == 0 {
			due = due.Add(5 * time.Millisecond)
		}
	}
	r.queue(due, frame)
	if twice {
		r.count.Duplicated++
		r.queue(due, frame)
	}
}

func (r *relay) queue(due time.Time, frame []byte) {
	r.queued++
	heap.Push(&r.waiting, flight{due: due, order: r.queued, frame: frame})
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// write sends each frame when it is due.
func (r *relay) write() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-timer.C:
		case <-r.wake:
		}
		for {
			frame, wait := r.next()
			if frame == nil {
				timer.Reset(wait)
				break
			}
			_, _ = r.to.Write(frame) // a wire tells nobody what it lost
		}
	}
}

// next returns a frame that is due, or the time until one is.
func (r *relay) next() ([]byte, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(r.waiting[0].due); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&r.waiting).(flight).frame, 0
}
