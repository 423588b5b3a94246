package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/tracker"
	"ctop/ui"
)

// consoleFlags say how the console looks.
type consoleFlags struct {
	noColor bool
}

func (f *consoleFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.noColor, "no-color", false, "no colours in the console, as with the variable NO_COLOR")
}

// runConsole shows a tracker until the operator quits, a signal comes, or the
// tracker is gone. The terminal is as it was when it returns.
func (s session) runConsole(ctx context.Context, t *tracker.Tracker, look consoleFlags) error {
	c := tracker.NewCollector(t, tracker.CollectorOptions{})
	collector := startCollector(ctx, c)
	defer collector.stop()
	program := tea.NewProgram(
		ui.New(c, s.env.consoleOptions(look)...),
		tea.WithInput(s.env.stdin), tea.WithOutput(s.env.stdout),
		tea.WithAltScreen(), tea.WithMouseCellMotion(),
		// Signals end the context, which ends the collector, which ends the
		// program: one way for all of them.
		tea.WithoutSignalHandler(),
	)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-collector.done
		program.Quit()
	}()
	_, err := program.Run()
	collector.stop()
	<-ended
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("run the console: %w", err)
	}
	return collector.err
}

func (e env) consoleOptions(look consoleFlags) []ui.Option {
	// The renderer would take NO_COLOR for "no attributes either", and then
	// nothing would show where the cursor is.
	terminal := lipgloss.NewRenderer(e.stdout, termenv.WithEnvironment(colorBlind{e}))
	options := []ui.Option{ui.WithRenderer(terminal), ui.WithExport(exportJSON)}
	if look.noColor || e.getenv("NO_COLOR") != "" {
		options = append(options, ui.WithNoColor())
	}
	return options
}

// colorBlind is the environment without NO_COLOR.
type colorBlind struct{ env env }

// Environ is empty: termenv only looks single variables up.
func (colorBlind) Environ() []string { return nil }

// Getenv returns a variable, unless it is NO_COLOR.
func (c colorBlind) Getenv(name string) string {
	if name == "NO_COLOR" {
		return ""
	}
	return c.env.getenv(name)
}

// exportJSON writes what the console shows to a new file in the working
// directory, in the form of a dump.
func exportJSON(s *tracker.Snapshot, flows []*tracker.Flow) (where string, err error) {
	name := "ctop-" + s.Time.UTC().Format("20060102T150405.000Z") + ".json"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return name, output.WriteSnapshot(f, output.JSON, output.View{Snapshot: s, Rows: flows})
}
