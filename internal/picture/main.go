package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"ctop/internal/tmux"
)

// scene is one picture: the keys to press in the console, and the screen to
// wait for.
type scene struct {
	name, title   string
	width, height int
	args          []string
	// watch is how long the console runs before keys are pressed.
	watch time.Duration
	keys  []string
	// shows is text that must be on the screen.
	shows  string
	colour palette
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// run draws all scenes, or the named ones.
func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: picture PROGRAM FOLDER [SCENE ...]")
	}
	program, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	for _, s := range scenes() {
		if len(args) > 2 && !strings.Contains(strings.Join(args[2:], " ")+" ", s.name+" ") {
			continue
		}
		screen, err := s.play(ctx, program)
		if err != nil {
			return fmt.Errorf("draw %s: %w", s.name, err)
		}
		path := filepath.Join(args[1], s.name+".svg")
		if err := os.WriteFile(path, []byte(svg(parse(screen, s.width), s.colour, s.title)), 0o644); err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}

// play runs the demo up to the picture.
func (s scene) play(ctx context.Context, program string) (screen string, err error) {
	const timeout = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, s.watch+timeout)
	defer cancel()
	home, err := os.MkdirTemp("", "picture")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(home) }()
	if err := os.WriteFile(filepath.Join(home, namesName), []byte(namesOfLab), 0o600); err != nil {
		return "", err
	}
	t, err := tmux.Start(ctx, tmux.Options{
		Width: s.width, Height: s.height, Term: "tmux",
		Command: append([]string{program, "demo"}, s.arguments(home)...),
		// No saved settings.
		Env: []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "NO_COLOR="},
	})
	if err != nil {
		return "", err
	}
	defer func() {
		_ = t.Press(ctx, "C-c") // the demo removes its lab
		_, _ = t.WaitFor(ctx, func(string) bool { _, ended, _ := t.Ended(ctx); return ended })
		_ = t.Close()
	}()
	if _, err := t.WaitFor(ctx, func(text string) bool { return strings.Contains(text, "ESTABLISHED") }); err != nil {
		return "", err
	}
	if err := sleep(ctx, s.watch); err != nil {
		return "", err
	}
	for _, key := range s.keys {
		if err := press(ctx, t, key); err != nil {
			return "", err
		}
	}
	if text, err := t.WaitFor(ctx, func(text string) bool { return strings.Contains(text, s.shows) }); err != nil {
		return "", fmt.Errorf("%w:\n%s", err, text)
	}
	return t.Coloured(ctx)
}

// press presses a key and gives the console time to react.
func press(ctx context.Context, t *tmux.Terminal, key string) error {
	var err error
	if text, ok := strings.CutPrefix(key, "text:"); ok {
		err = t.Type(ctx, text)
	} else if text, ok := strings.CutPrefix(key, "wait:"); ok {
		d, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		return sleep(ctx, d)
	} else {
		err = t.Press(ctx, key)
	}
	if err != nil {
		return err
	}
	return sleep(ctx, 300*time.Millisecond)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
