package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"ctop/cmd/ctop/output"
	"ctop/internal/bundle"
	"ctop/internal/history"
	"ctop/internal/recording"
	"ctop/tracker/flow"
	"ctop/ui"
)

// speedValue is the speed of a replay.
type speedValue float64

func (v *speedValue) String() string { return strconv.FormatFloat(float64(*v), 'g', -1, 64) }
func (v *speedValue) Type() string   { return "FACTOR" }

func (v *speedValue) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1e6) {
		return fmt.Errorf("%q is not a speed: use a number from 0 to 1000000, as in 10", s)
	}
	*v = speedValue(f)
	return nil
}

var errNoSnapshot = errors.New("it contains no snapshot")

// play shows a recording.
func (c *replayCommand) play(cmd *cobra.Command, name string, in io.Reader, headless bool) (err error) {
	for _, flag := range []string{"max-flows", "policy", "profile", "timeout"} {
		if given(cmd, flag) {
			return usagef("--%s works only with a capture, and %s is a recording", flag, name)
		}
	}
	r, err := recording.NewReader(in)
	if err != nil {
		return fmt.Errorf("replay %s: %w: record it again, or use the ctop that wrote it", name, err)
	}
	if headless || c.speed == 0 {
		return c.playThrough(cmd.Context(), name, r, headless)
	}
	return c.playAlong(cmd.Context(), name, r)
}

// playBundle shows the recording in a bundle.
func (c *replayCommand) playBundle(cmd *cobra.Command, name string, in io.Reader, headless bool) error {
	r, err := bundle.Recording(in)
	if err != nil {
		return fmt.Errorf("replay %s: %w: ask for it again", name, err)
	}
	return c.play(cmd, name, r, headless)
}

// refusePast refuses every act: a recording cannot be changed.
func refusePast(ui.Attempt) error { return recording.ErrPast }

// playThrough shows the state at the end of the recording.
func (c *replayCommand) playThrough(ctx context.Context, name string, r *recording.Reader, headless bool) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := newLineWriter(c.env.stdout, cancel)
	defer func() { err = errors.Join(err, writeFailed(lines.stop())) }()
	p, tape := new(recording.Player), history.NewTape(0)
	o := recording.PlayOptions{Until: c.watch.duration(), Speed: float64(c.speed), OnEvent: c.printer(lines, nil)}
	look := c.again()
	o.OnSnapshot = look
	if !headless {
		o.OnSnapshot = func(s *flow.Snapshot) { look(s); tape.Add(s) }
	}
	err = p.Play(ctx, r, o)
	s := p.Snapshot()
	if s == nil && !c.events {
		return fmt.Errorf("replay %s: %w: record it again, for longer", name, errors.Join(err, errNoSnapshot))
	}
	if err := c.noteEnd(name, err); err != nil {
		return err
	}
	switch {
	case c.events:
		return nil
	case headless:
		return c.view.write(c.env, output.View{Snapshot: s, Rows: c.view.arrange(s), Joined: true})
	}
	return c.env.runProgram(p, ctx.Done(), c.look, ui.WithClock(p.Now), ui.WithRefusal(refusePast), ui.WithPast(tape), ui.WithDeck(p))
}

// again returns the function that looks at a snapshot of a recording for alerts.
func (c *replayCommand) again() func(*flow.Snapshot) {
	if w := c.alerts.watch(slog.New(slog.DiscardHandler)); w != nil {
		return w.LookAgain
	}
	return func(*flow.Snapshot) {} // what was recorded stays
}

// playAlong shows the recording in the console as it is played. The console stays
// open at the end.
func (c *replayCommand) playAlong(ctx context.Context, name string, r *recording.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	p, tape, look := new(recording.Player), history.NewTape(0), c.again()
	ended := make(chan error, 1)
	go func() {
		take := func(s *flow.Snapshot) { look(s); tape.Add(s) }
		ended <- p.Play(ctx, r, recording.PlayOptions{Until: c.watch.duration(), Speed: float64(c.speed), OnSnapshot: take})
	}()
	err := c.env.runProgram(p, ctx.Done(), c.look, ui.WithClock(p.Now), ui.WithRefusal(refusePast), ui.WithPast(tape), ui.WithDeck(p))
	cancel()
	return errors.Join(err, c.noteEnd(name, <-ended))
}

// noteEnd reports that a recording ends early, which is no failure.
func (c *replayCommand) noteEnd(name string, err error) error {
	if errors.Is(err, recording.ErrBroken) {
		c.env.note("%s ends early: %v: showing the part before", name, err)
		return nil
	}
	return err
}
