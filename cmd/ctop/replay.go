package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/cmd/ctop/output"
	"ctop/internal/alert"
	"ctop/internal/bundle"
	"ctop/internal/capture"
	"ctop/internal/format"
	"ctop/internal/recording"
	"ctop/tracker/flow"
	"ctop/tracker/replay"
	"ctop/ui"
)

// replayCommand replays a capture through the tracker, or a recording.
type replayCommand struct {
	env     env
	tracker trackerFlags
	view    viewFlags
	look    consoleFlags
	alerts  alertFlags
	watch   durationValue
	dump    bool
	events  bool
	speed   speedValue
	verbose *bool
}

const replayLong = `Feed a pcap or pcapng capture to the tracker's programs in the kernel, and open
the console with the table as it was at the last packet. It touches no interface.
Timeouts expire by the capture's clock. Without a terminal, or with --dump, it
prints the table instead; with --events it prints every state change. FILE may be
compressed with gzip, bzip2, xz or zstd; - is stdin. An interrupt stops reading and
shows the packets read so far.

It reads Ethernet, and IP in Linux cooked captures, raw IP, loopback, PPP, PPPoE,
Cisco HDLC, NFLOG and unencrypted 802.11. It skips and counts packets of other link
types. A capture without a readable packet is an error.

In a capture of several interfaces, the first one is one side and the others are the
other side. In any other capture ctop guesses: the first sender is on one side, and
a host that talks to one side is on the other. So any packet of the other direction
answers a flow. Rates are averages over the whole capture. Truncated packets count
with their original length, without the TCP options that are missing. Packets with
truncated headers are skipped. TCP packets too long for IP's length field (BIG TCP)
count as several.

FILE may also be a recording of ctop record, or an archive of ctop bundle. Either needs no
privilege and shows what the tracker saw at the time; --speed plays it at a multiple of
real time. In the console [ and ] go through time, p stops it, < and > change the speed.

Alerts are looked at in each snapshot of a recording, beside those that it has, and in a
capture once, at its end, as if what holds then had held for as long as an alert asks.`

func newReplayCommand(e env, verbose *bool) *cobra.Command {
	c := &replayCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "replay [flags] FILE",
		Short: "Run a capture through the tracker, or play a recording",
		Long:  replayLong,
		Example: `  ctop replay trace.pcap
  ctop replay --dump -o json --filter 'port:443 retransmits>0' trace.pcapng
  ctop replay --dump --for 10s trace.pcap.gz      the table after ten seconds
  tcpdump -i eth0 -w - | ctop replay --events -
  ctop replay --speed 60 night.ctop               an hour in a minute
  ctop replay ctop-bundle-20261122T210405Z.tar.gz`,
		RunE: c.run,
	}
	c.register(cmd.Flags())
	return cmd
}

func (c *replayCommand) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.BoolVar(&c.dump, "dump", false, "print the table at the end instead of opening the console")
	flags.BoolVar(&c.events, "events", false, "print a line for every state change of a flow instead")
	flags.Var(&c.watch, "for", "how much of the capture to replay, by its own clock, 0s for all")
	flags.Var(&c.speed, "speed", "speed of a recording, as a multiple of real time, 0 for all at once")
	c.view.register(flags)
	registerSick(flags)
	registerNames(flags)
	registerGeo(flags)
	c.tracker.registerTable(flags)
	c.look.register(flags, false)
	c.alerts.register(flags)
}

func (c *replayCommand) run(cmd *cobra.Command, args []string) (err error) {
	if len(args) > 1 && form("ctop").isFilter(args[1:]) {
		return usagef("write ctop replay %s --filter '%s'", args[0], strings.Join(args[1:], " "))
	}
	if len(args) != 1 {
		return usagef("name one capture, as in ctop replay trace.pcap")
	}
	headless := c.dump || c.events || !c.env.interactive()
	if err := c.check(cmd, headless); err != nil {
		return err
	}
	file, err := c.open(cmd.Context(), args[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	source := newInterruptibleReader(cmd.Context(), file)
	in := bufio.NewReaderSize(source, 1<<16)
	if bundle.Is(in) {
		return c.playBundle(cmd, args[0], in, headless)
	}
	if recording.Is(in) {
		return c.play(cmd, args[0], in, headless)
	}
	if given(cmd, "speed") {
		return usagef("--speed works only with a recording, and %s is not one", args[0])
	}
	packets, err := capture.NewReader(in)
	if err != nil && cmd.Context().Err() != nil {
		return errNothingRead(args[0], "it was interrupted before the first packet")
	}
	if err != nil {
		return refusedCapture(args[0], err)
	}
	bar := c.env.newProgress(args[0], file, source)
	return c.replay(cmd.Context(), args[0], packets, bar, headless)
}

// check refuses contradictory flags before the file is read.
func (c *replayCommand) check(cmd *cobra.Command, headless bool) error {
	if c.events && given(cmd, compareFlag) {
		return usagef("--compare works only without --events: use --dump")
	}
	if c.events {
		if err := c.view.wanted().CheckEvents(); err != nil {
			return usagef("--filter: %w", err)
		}
	}
	const instead = "a recording has the names that its tracker read, and a capture has none"
	if err := cmp.Or(c.alerts.check(), c.look.names.checkShown(cmd, instead), c.look.checkNames(cmd)); err != nil {
		return err
	}
	if c.dump && c.events {
		return usagef("--dump and --events exclude each other: use only one of them")
	}
	if headless {
		return errors.Join(c.view.checkDump(cmd, &c.look, nil), c.env.checkStdout())
	}
	for _, name := range []string{"output", "limit"} {
		if given(cmd, name) {
			return usagef("--%s works only with --dump or --events: the console has keys for it", name)
		}
	}
	c.look.begin(cmd, &c.view)
	return c.env.checkTerminal()
}

func (c *replayCommand) open(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.env.stdin), nil
	}
	f, err := openInterruptibly(ctx, name)
	if ctx.Err() != nil {
		return nil, errNothingRead(name, "it was interrupted before the first packet")
	}
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", name, cause(errors.Unwrap(err)))
	}
	return f, nil
}

func (c *replayCommand) replay(ctx context.Context, name string, packets *capture.Reader, bar *progress, headless bool) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := newLineWriter(c.env.stdout, cancel)
	defer func() { err = errors.Join(err, writeFailed(lines.stop())) }()
	r, err := replay.Open(replay.Options{
		Host:   filepath.Base(name),
		Policy: flow.Policy(c.tracker.policy), MaxFlows: int(c.tracker.maxFlows), Timeouts: c.tracker.allTimeouts(),
		OnEvent: c.printer(lines, func() []string { return sideNames(packets) }),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := c.feed(ctx, name, packets, r, bar)
	bar.end()
	if err != nil {
		return err
	}
	if fed, skipped := r.Fed(); fed == 0 {
		return errNothingRead(name, whyNothing(packets.Skipped(), skipped))
	}
	c.printFed(r, s, packets.Skipped())
	alert.LookOnce(c.alerts.value.All(), s)
	switch {
	case c.events || !headless && ctx.Err() != nil:
		return nil
	case headless:
		return c.view.write(c.env, output.View{Snapshot: s, Rows: c.view.arrange(s)})
	}
	return c.env.runProgram(r, ctx.Done(), c.look, ui.WithClock(r.Now), ui.WithActor(r))
}

// printer returns the function that prints events, nil without --events. names returns
// the names of the two sides, where the events have none.
func (c *replayCommand) printer(lines *lineWriter, names func() []string) func(*flow.Event) error {
	if !c.events {
		return nil
	}
	line := []byte(output.EventHeader(c.view.output))
	// If that fails, the first event fails too.
	_ = lines.write(line)
	return func(e *flow.Event) error {
		if names != nil {
			e.Interface = names()[e.In&1]
		}
		if !tells(c.view.wanted(), e) {
			return nil
		}
		line = output.AppendEvent(line[:0], c.view.output, e)
		return writeFailed(lines.write(line))
	}
}

// sideNames returns the names of the two sides: the interfaces, if the capture has
// two, or the only one.
func sideNames(packets *capture.Reader) []string {
	if name, _ := packets.Watched(); name != "" {
		return []string{name, name}
	}
	if names := packets.Interfaces(); names[0] != "" && names[1] != "" {
		return names[:]
	}
	return []string{"left", "right"}
}

// interruptEvery is the number of packets between two checks for an interrupt. A pipe
// holds fewer, so what it holds is replayed.
const interruptEvery = 1024

// feed replays the capture to its end, to --for, to an interrupt or to where the file
// is broken, and returns the table at that time.
func (c *replayCommand) feed(ctx context.Context, name string, packets *capture.Reader, r *replay.Replay, bar *progress) (*flow.Snapshot, error) {
	var begin time.Time
	for n := 1; n%interruptEvery != 0 || ctx.Err() == nil; n++ {
		frame, err := packets.Next()
		if errors.Is(err, io.EOF) || err != nil && ctx.Err() != nil {
			break
		}
		if errors.Is(err, capture.ErrBroken) {
			c.env.note("%s ends early: %v: showing the part before", name, err)
			break
		}
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", name, err)
		}
		if begin.IsZero() {
			begin = frame.Time
		}
		if d := c.watch.duration(); d > 0 && frame.Time.Sub(begin) > d {
			break
		}
		if err := r.Feed(ctx, frame.Time, frame.Side, frame.SideKnown, frame.Data); err != nil {
			if ctx.Err() != nil {
				break
			}
			return nil, err
		}
		bar.update(r.Packets())
	}
	_, watched := packets.Watched()
	r.Name(watched, sideNames(packets)...)
	return r.Refresh()
}

// refusedCapture says what to do about a file that cannot be read as a capture.
func refusedCapture(name string, err error) error {
	if errors.Is(err, capture.ErrBroken) {
		return fmt.Errorf("replay %s: %w: name a complete file", name, err)
	}
	return fmt.Errorf("replay %s: %w: name a capture that tcpdump or Wireshark wrote, or a recording of ctop record", name, err)
}

// errNothingRead is the error for a file without a packet that can be replayed.
func errNothingRead(name, why string) error {
	return fmt.Errorf("replay %s: no packet was read: %s: name a capture of packets that carry IP", name, why)
}

// whyNothing returns why no packet of a capture was replayed.
func whyNothing(skipped capture.Skipped, short int) string {
	switch why := skippedWords(skipped); {
	case why != "":
		return "it has " + why
	case short > 0:
		return fmt.Sprintf("it has %s that no interface could have received", format.Plural(short, "packet"))
	}
	return "it has none"
}

// skippedWords lists the packets that were skipped, empty for none.
func skippedWords(s capture.Skipped) string {
	var parts []string
	for _, link := range slices.Sorted(maps.Keys(s.Links)) {
		parts = append(parts, fmt.Sprintf("%s of link type %d (tcpdump.org/linktypes.html)", format.Plural(s.Links[link], "packet"), link))
	}
	if s.Short > 0 {
		parts = append(parts, fmt.Sprintf("%s captured without the whole of their headers (a larger snap length shows them)", format.Plural(s.Short, "packet")))
	}
	if s.Empty > 0 {
		parts = append(parts, fmt.Sprintf("%s without IP in the clear", format.Plural(s.Empty, "packet")))
	}
	return strings.Join(parts, ", ")
}

// printFed prints how much was replayed.
func (c *replayCommand) printFed(r *replay.Replay, s *flow.Snapshot, passed capture.Skipped) {
	fed, skipped := r.Fed()
	text := fmt.Sprintf("replayed %s of %s", format.Plural(fed, "packet"), format.Age(s.Uptime))
	if skipped > 0 {
		text += fmt.Sprintf(", passed over %s that no interface could have received", format.Plural(skipped, "packet"))
	}
	if words := skippedWords(passed); words != "" {
		text += ", passed over " + words
	}
	if ended := s.Counters.FlowsDestroyed; ended > 0 {
		text += fmt.Sprintf("; %s ended on the way, which --events lists", format.Plural(int(ended), "flow"))
	}
	c.env.note("%s", text)
	if early := r.Early(); early > 0 {
		c.env.note("%s an earlier time than preceding ones, and the clock stood still for them: sort the file with reordercap",
			map[bool]string{true: "1 packet has", false: format.Plural(early, "packet") + " have"}[early == 1])
	}
	if lost := s.Counters.Destroyed[flow.ReasonEvicted] + s.Counters.TableFull; lost > 0 {
		c.env.note("the table was full: %s were evicted or found no room: raise --max-flows", format.Plural(int(lost), "flow"))
	}
}
