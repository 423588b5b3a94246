package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/filter"
	"ctop/internal/history"
	"ctop/tracker"
	"ctop/ui"
	"ctop/ui/console"
	"ctop/ui/theme"
)

// consoleFlags say how the console looks.
type consoleFlags struct {
	noColor bool
	names   namesValue
	// numeric shows no names although they were shown the last time.
	numeric bool
	theme   themeValue
	// filter is the first filter.
	filter filter.Filter
	// sort is the first order, nil for the last one of the previous time.
	sort *sortValue
	// view is the name of the saved view to begin with.
	view string
	// compare is the file of a snapshot with which the flows are compared.
	compare string
	// forget ignores the previous order, unit, columns and grouping, and saves nothing.
	forget bool
}

// register adds the flags to a command. reads says whether it can read traffic.
func (f *consoleFlags) register(flags *pflag.FlagSet, reads bool) {
	f.names.register(flags, "show names of addresses and ports in the console, looked up in the background", reads)
	flags.BoolVarP(&f.numeric, numericFlag, "n", false, "no names in the console, though the last one had them")
	flags.Var(&f.theme, "theme", "colours for a dark or a light background; auto asks the terminal")
	flags.StringVar(&f.view, "view", "", "begin the console with a saved view, by its `NAME`")
	flags.StringVar(&f.compare, compareFlag, "", "compare with the snapshot or the recording in a `FILE`: what came, went and changed")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours in the console; the variable NO_COLOR does the same")
}

// checkNames refuses what excludes each other.
func (f *consoleFlags) checkNames(cmd *cobra.Command) error {
	if given(cmd, numericFlag) && f.numeric && given(cmd, "names") && f.names == namesShown {
		return usagef("--names and -n exclude each other: use only one of them")
	}
	return nil
}

// begin takes the first filter and order from the shared flags.
func (f *consoleFlags) begin(cmd *cobra.Command, view *viewFlags) {
	f.filter = view.wanted()
	if cmd.Flags().Changed("sort") {
		f.sort = &view.sort
	}
}

// runConsole shows a tracker until the operator quits, a signal comes, or the tracker
// is gone. It restores the terminal before it returns.
func (s session) runConsole(ctx context.Context, t *tracker.Tracker, look consoleFlags, audit *console.Audit, more ...ui.Option) error {
	c := tracker.NewCollector(t, tracker.CollectorOptions{Look: onSnapshot(s.news, s.alerts)})
	collector := startCollector(ctx, c)
	defer collector.stop()
	// A signal ends the context, which ends the collector, which ends the program.
	local := s.env.local(c, audit)
	captures := newCapturing(t, here)
	defer func() {
		if last := captures.End(); last.Number > 0 {
			s.env.note("%s", last.Result())
		}
	}()
	err := s.env.runProgram(c, collector.done, look, append(more, ui.WithActor(local), ui.WithCapturer(local.Captures(captures)), ui.WithSessions(local), ui.WithPast(history.NewStore(history.Options{})))...)
	collector.stop()
	return errors.Join(err, collector.err, closeNews(s.news))
}

// errConsolePanic is a bug of the console. The stack trace is above it.
var errConsolePanic = errors.New("run the console: a bug in ctop (a panic) ended it: please report it with the lines above")

// runProgram shows a reader on the terminal until the operator quits or the reader is
// done.
func (e env) runProgram(source ui.Reader, done <-chan struct{}, look consoleFlags, more ...ui.Option) error {
	m := e.remember()
	if err := look.checkView(m.saved); err != nil {
		return err
	}
	compared, err := look.readCompared()
	if err != nil {
		return err
	}
	more = append(more, compared...)
	suspend := newSuspension()
	input := watchInput(e.stdin)
	model := ui.New(source, append(look.options(e, input, m.saved), more...)...)
	began := model.Settings() // the console changes the model in place
	program := tea.NewProgram(model,
		tea.WithInput(input), tea.WithOutput(e.stdout), tea.WithFilter(func(m tea.Model, msg tea.Msg) tea.Msg {
			if _, ok := msg.(tea.QuitMsg); ok {
				model.Leave()
			}
			return suspend.key(m, msg)
		}),
		tea.WithAltScreen(), tea.WithMouseCellMotion(), tea.WithoutSignalHandler(),
	)
	quit := make(chan struct{})
	defer close(quit)
	go suspend.serve(program)
	defer suspend.stop()
	go func() {
		for _, key := range input.late.keys() {
			program.Send(key)
		}
		select {
		case <-done:
			program.Quit()
		case <-input.gone:
			program.Quit()
		case <-quit:
		}
	}()
	last, err := program.Run()
	if errors.Is(err, tea.ErrProgramPanic) {
		return errConsolePanic
	}
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("run the console: %w", err)
	}
	if left, ok := last.(ui.Model); ok && !look.forget {
		m.keep(began, left.Settings())
	}
	return nil
}

// checkView refuses a view that was not saved.
func (f *consoleFlags) checkView(saved ui.Settings) error {
	if _, ok := saved.Views[f.view]; ok || f.view == "" {
		return nil
	}
	if len(saved.Views) == 0 {
		return usagef("--view: no view is saved yet: V in the console saves one")
	}
	return usagef("--view: no view is called %q: use %s", f.view, strings.Join(slices.Sorted(maps.Keys(saved.Views)), ", "))
}

// options returns the saved settings of the console, changed by what the flags say.
func (f *consoleFlags) options(e env, input watchedInput, saved ui.Settings) []ui.Option {
	// The renderer takes NO_COLOR for "no attributes either", and then nothing would
	// show the cursor.
	terminal := lipgloss.NewRenderer(e.stdout, termenv.WithEnvironment(colorBlind{e}),
		termenv.WithProfile(theme.ProfileOf(e.getenv("TERM"))))
	saved.Names = saved.Names && !f.numeric || f.names != namesHidden || f.filter.WantsNames()
	if f.forget {
		saved.Sort, saved.Rates, saved.Columns, saved.Group = "", "", nil, ""
	}
	if f.theme != themeValue(ui.LookAuto) {
		saved.Theme = f.theme.String()
	}
	noColor := f.noColor || e.getenv("NO_COLOR") != "" || theme.Monochrome(e.getenv("TERM"))
	// The renderer itself would wait five seconds for a terminal that never answers.
	chosen, _ := theme.ParseLook(saved.Theme)
	light := chosen == ui.LookAuto && !noColor && input.askBackground(e, answerTimeout)
	terminal.SetHasDarkBackground(!light)
	options := []ui.Option{
		ui.WithRenderer(terminal), ui.WithExport(exportJSON), ui.WithExportOf(exportEvents, exportGroups), ui.WithResolver(lookUp), ui.WithSettings(saved), ui.WithFilter(f.filter), ui.WithView(f.view),
	}
	width, _ := strconv.Atoi(e.getenv("COLUMNS"))
	height, _ := strconv.Atoi(e.getenv("LINES"))
	options = append(options, ui.WithSize(width, height))
	if stoppable() {
		options = append(options, ui.WithSuspend())
	}
	if !f.forget {
		options = append(options, ui.WithKeptViews())
	}
	if f.sort != nil {
		options = append(options, ui.WithSort(f.sort.String()))
	}
	if !theme.HasUnicode(e.getenv("TERM"), e.getenv("LC_ALL"), e.getenv("LC_CTYPE"), e.getenv("LANG")) {
		options = append(options, ui.WithASCII())
	}
	if noColor {
		options = append(options, ui.WithNoColor())
	}
	return options
}

// lookUp asks the machine's resolver for the name of an address.
func lookUp(ctx context.Context, a netip.Addr) (string, error) {
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return "", err
	}
	return strings.TrimSuffix(names[0], "."), nil
}

// colorBlind is the environment without NO_COLOR.
type colorBlind struct{ env env }

// Environ is empty: termenv only looks up single variables.
func (colorBlind) Environ() []string { return nil }

// Getenv returns a variable, unless it is NO_COLOR. Inside tmux, TERM is tmux's own
// name for the terminal: if that is screen, copied text would be wrapped for GNU
// screen, and tmux would drop it.
func (c colorBlind) Getenv(name string) string {
	switch {
	case name == "NO_COLOR":
		return ""
	case name == "TERM" && c.env.getenv("TMUX") != "":
		return "tmux"
	}
	return c.env.getenv(name)
}
