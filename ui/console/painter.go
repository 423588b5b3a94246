package console

import (
	"context"
	"io"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"ctop/internal/paint"
)

const (
	// enterScreen prepares a terminal, and leaveScreen gives it back: the cursor, the
	// alternate screen, bracketed paste, and the mouse's buttons and wheel.
	enterScreen = "\x1b[?25l\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?1002h\x1b[?1006h"
	leaveScreen = "\x1b[H\x1b[2J\x1b[?2004l\x1b[?25h\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1049l"
	// askedFor is how long changes after a key count as its own: it may have started work.
	askedFor = time.Second
	// share is the part of a slow link that frames may take which nobody asked for, as
	// one of so many, and mostLeftOut bounds how many frames are left out for it.
	share, mostLeftOut = 3, 10
	// unanswered is when a client that has never answered is taken for one that does not.
	unanswered = 5 * time.Second
)

// painter draws views on a client's terminal. While a view is on its way the next waits,
// and replaces what is left of it; what a key changed goes first.
type painter struct {
	out  io.Writer
	ping func() bool
	// queued returns how many bytes wait in the kernel for the client.
	queued func() int
	// stalled is called if no answer comes for so long.
	stalled func()
	limit   time.Duration
	frame   time.Duration

	mu     sync.Mutex
	screen paint.Screen
	pace   pace
	// held is a view that waits until the frame on its way is whole.
	held *string
	// key is when a key was last pressed, and asked is set while the next view is its own.
	key   time.Time
	asked bool
	// asking is set while an answer is awaited, and answers once one came.
	asking, answers bool
	// began is when the frame on its way that nobody asked for began, zero if none is, and
	// next when another one may. every says that of so many frames one is shown.
	began, next time.Time
	every       int
	// free is when the rate of frames allows the next write.
	free time.Time
	wake chan struct{}
}

func newPainter(out io.Writer, ping func() bool, queued func() int, l Limits, stalled func()) *painter {
	return &painter{
		out: out, ping: ping, queued: queued, stalled: stalled, limit: l.Stall, frame: time.Second / time.Duration(l.FrameRate),
		every: 1, wake: make(chan struct{}, 1),
	}
}

// Every returns that one of so many frames is shown, 1 unless the link is slow.
func (p *painter) Every() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.every
}

// run draws until ctx is done, and then gives the terminal back.
func (p *painter) run(ctx context.Context) {
	_, _ = io.WriteString(p.out, enterScreen)
	defer func() { _, _ = io.WriteString(p.out, leaveScreen) }()
	p.mu.Lock()
	p.ask(0)
	p.mu.Unlock()
	for ctx.Err() == nil {
		wait := p.draw()
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-time.After(wait):
		}
	}
}

// never is longer than a painter waits for anything but news.
const never = time.Hour

// draw sends what may be sent now, and returns when there may be more.
func (p *painter) draw() time.Duration {
	now := time.Now()
	p.mu.Lock()
	p.hearKernel(now)
	text, wait := p.piece(now)
	if p.pace.mute && p.pace.away() > 0 {
		wait = min(wait, listening)
	}
	empty, slow := p.pace.away() == 0, p.pace.slow
	p.pace.sent += len(text)
	p.mu.Unlock()
	if text == "" {
		return wait
	}
	if !p.write(text, slow) {
		return never // the session ends
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = now.Add(p.frame)
	p.hearKernel(time.Now())
	if !p.asking {
		behind := 0
		if empty {
			behind = len(text)
		}
		p.ask(behind)
	}
	return p.frame
}

// listening is the time between two questions to the kernel.
const listening = 50 * time.Millisecond

// hearKernel asks the kernel how much a client has taken that does not answer itself.
func (p *painter) hearKernel(now time.Time) {
	if p.pace.mute {
		p.pace.acked = p.pace.sent - p.queued()
		p.finish(now)
	}
}

// sip is how much a slow link carries at a time, in bytes. A client shows nothing of an
// SSH packet before it has all of it.
const sip = 160

// write writes to the client.
func (p *painter) write(text string, slow bool) bool {
	size := len(text)
	if slow {
		size = sip
	}
	for text != "" {
		n := min(size, len(text))
		if _, err := io.WriteString(p.out, text[:n]); err != nil {
			return false
		}
		text = text[n:]
	}
	return true
}

// piece returns what to send, or when to ask again.
func (p *painter) piece(now time.Time) (string, time.Duration) {
	if wait := p.free.Sub(now); wait > 0 {
		return "", wait
	}
	least, asked := paint.Soon, p.screen.Waits(paint.Soon)
	if !asked {
		if !p.screen.Waits(paint.Later) {
			return "", never
		}
		if wait := p.begin(now); wait > 0 {
			return "", wait
		}
		least = paint.Later
	}
	room := p.pace.room(asked)
	if room <= 0 {
		return "", never // an answer wakes
	}
	return p.screen.Next(least, room, p.pace.slow), 0
}

// begin begins a frame that nobody asked for, or returns how long it has to wait.
func (p *painter) begin(now time.Time) time.Duration {
	if !p.began.IsZero() {
		return 0
	}
	if p.pace.away() > 0 {
		return never // an answer wakes
	}
	if wait := p.next.Sub(now); wait > 0 {
		return wait
	}
	p.began = now
	return 0
}

// finish notes how long a frame took that nobody asked for.
func (p *painter) finish(now time.Time) {
	if p.screen.Waits(paint.Later) || p.pace.away() > 0 {
		return
	}
	p.every = 1
	if p.pace.slow && !p.began.IsZero() {
		took := now.Sub(p.began)
		p.every = min(max(int(share*took/lookPause)+1, 2), mostLeftOut)
		p.next = p.began.Add(time.Duration(p.every)*lookPause - lookPause/2)
	}
	p.began = time.Time{}
	if p.held != nil {
		p.screen.Want(*p.held, paint.Later)
		p.held = nil
	}
}

// ask asks the client for an answer.
func (p *painter) ask(behind int) {
	if p.pace.mute {
		return
	}
	p.asking = true
	begin, position, limit, late := time.Now(), p.pace.sent, p.limit, p.stalled
	if !p.answers {
		limit, late = unanswered, p.giveUpAsking
	}
	timer := time.AfterFunc(limit, late)
	go func() {
		ok := p.ping()
		if timer.Stop(); !ok {
			return // the session ends
		}
		p.answered(position, behind, begin)
	}()
}

func (p *painter) answered(position, behind int, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.asking, p.answers, p.pace.mute = false, true, false
	p.pace.answered(position, behind, now.Sub(asked))
	p.finish(now)
	if p.pace.away() > 0 {
		p.ask(0)
	}
	p.nudge()
}

// giveUpAsking goes on without answers.
func (p *painter) giveUpAsking() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.mute = true
	p.hearKernel(time.Now())
	p.nudge()
}

func (p *painter) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// note takes what made the program's next view.
func (p *painter) note(msg tea.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if msg == tea.ClearScreen() {
		p.screen.Forget()
		return
	}
	switch msg := msg.(type) {
	case tea.KeyMsg, tea.MouseMsg:
		p.key, p.asked = time.Now(), true
	case tea.WindowSizeMsg:
		p.screen.Resize(msg.Width, msg.Height)
	}
}

// show takes a view.
func (p *painter) show(view string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rank := paint.Later
	switch {
	case p.asked:
		rank, p.asked = paint.Now, false
	case time.Since(p.key) < askedFor:
		rank = paint.Soon
	}
	if rank == paint.Later && !p.began.IsZero() {
		p.held = &view
		return
	}
	p.held = nil
	p.screen.Want(view, rank)
	p.nudge()
}

// painted is a program whose views a painter draws.
type painted struct {
	tea.Model
	painter *painter
}

// Update implements tea.Model.
func (m painted) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.painter.note(msg)
	next, cmd := m.Model.Update(msg)
	return painted{next, m.painter}, cmd
}

// View implements tea.Model.
func (m painted) View() string {
	m.painter.show(m.Model.View())
	return ""
}
