package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ctop/internal/filter"
	"ctop/internal/packets"
	"ctop/internal/pcapng"
	"ctop/tracker"
)

// Packets of a capture: how many in a second, and how much of each, if nothing is said.
const (
	defaultCaptureRate = 50000
	defaultSnap        = tracker.MaxSnap
)

// captureForm names the file that the command needs.
const captureForm form = "ctop capture -w FILE"

// captureCommand writes the packets of flows to a file.
type captureCommand struct {
	env     env
	tracker trackerFlags
	filter  filterValue
	file    string
	snap    int
	rate    int
	size    fileSize
	files   int
	count   uint64
	watch   durationValue
	verbose *bool
}

func newCaptureCommand(e env, verbose *bool) *cobra.Command {
	c := &captureCommand{env: e, verbose: verbose}
	cmd := &cobra.Command{
		Use:   "capture [flags] -w FILE [IF1 [IF2]]",
		Short: "Write the packets of flows to a file for Wireshark",
		Long: `Write the packets of the flows that match a filter to a new file (pcapng), until
interrupted. It joins a running tracker without disturbing it. If none runs, it
attaches one between the interfaces, or watches the one that is named, and detaches it
at the end. Each packet has a comment with its flow, the flow's state, its verdict, and
the process if that is known.

A flow is captured while it matches. A new one is captured from its first packet on if
protocol, addresses and ports tell that it may match; of others, the packets before they
match are not there. Packets of all other flows cost what they cost without a capture.
What --rate does not permit, and what comes too fast to be written, is missing from the
file, counted at its end, and told.

FILE must not exist yet, and only its owner may read it; - is stdout. -C, -W, -s and -c
are those of tcpdump: with -C and -W the files FILE0, FILE1 and so on are a ring.`,
		Example: `  ctop capture --filter 'host 10.0.0.7 and port 443' -w case.pcapng
  ctop capture --filter process:nginx -w - eth0 | wireshark -k -i -
  ctop capture --filter 'tcp port 25' -w mail.pcapng -C 100 -W 10 -s 128`,
		RunE: c.run,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(&c.filter, "filter", "flows to capture")
	registerNames(flags)
	registerGeo(flags)
	flags.StringVarP(&c.file, "write", "w", "", "file to write, - for stdout")
	flags.IntVarP(&c.snap, "snapshot-length", "s", defaultSnap, "bytes of each packet, 0 for all that is possible")
	flags.VarP(&c.size, "file-size", "C", "begin another file before it is larger, in MB, or with k, m or g")
	flags.IntVarP(&c.files, "file-count", "W", 0, "with -C: how many files, of which the oldest is replaced")
	flags.Uint64VarP(&c.count, "count", "c", 0, "how many packets, 0 until interrupted")
	flags.IntVar(&c.rate, "rate", defaultCaptureRate, "most packets in a second on each processor")
	flags.Var(&c.watch, "for", "how long to capture, 0s until interrupted")
	c.tracker.register(flags)
	return cmd
}

// check refuses flags that do not go together.
func (c *captureCommand) check() error {
	switch {
	case c.file == "":
		return usagef("name a file to write, as in ctop capture -w case.pcapng, or -w - for stdout")
	case c.snap < 0:
		return usagef("-s: %d bytes of a packet cannot be written: write 0 for all of it", c.snap)
	case c.rate < 1:
		return usagef("--rate: %d packets in a second are none: write 1 or more", c.rate)
	case c.files < 0 || c.files > 0 && c.size == 0:
		return usagef("-W: the number of files needs their size: write -C 100 for 100 MB each")
	case c.size > 0 && c.file == "-":
		return usagef("-C: stdout is one file: leave -C out, or name a file")
	case c.size > 0 && c.size < pcapng.SmallestLimit:
		return usagef("-C: %s is too small for a packet: write 1 for 1 MB, or at least 256k", c.size.String())
	}
	if c.snap == 0 || c.snap > tracker.MaxSnap {
		c.snap = tracker.MaxSnap
	}
	return nil
}

func (c *captureCommand) run(cmd *cobra.Command, args []string) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	names, err := captureForm.placeOrNone(args, c.tracker.watch)
	if err != nil {
		return err
	}
	// Errors of the file come before the interfaces are touched.
	out, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.end()) }()
	ctx := cmd.Context()
	s := newSession(c.env, *c.verbose).askedBy(cmd)
	return s.with(s.joinOrOpen(ctx, captureForm, names, &c.tracker), func(t *tracker.Tracker) error {
		ctx, cancel := c.watch.bound(ctx)
		defer cancel()
		return c.capture(ctx, t, out)
	})
}

func (c *captureCommand) capture(ctx context.Context, t *tracker.Tracker, out *captureFile) error {
	there, stop := watched(ctx, t, time.Second)
	defer stop()
	s, err := t.Status()
	if err != nil {
		return err
	}
	wanted := filter.Filter(c.filter)
	if err := wanted.Check(s); err != nil {
		return usagef("--filter: %w", err)
	}
	w, err := packets.NewWriter(t, out, packets.Options{
		Filter: wanted, Snap: c.snap, Rate: c.rate, Count: c.count, There: there, Limit: int64(c.size),
		Application: strings.TrimSpace(versionText()), OS: runtime.GOOS,
	})
	if err != nil {
		return captureFailed(out.name, err)
	}
	out.begun = true
	c.env.note("capturing to %s", out.name)
	result, err := w.Run(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s", captureFailed(out.name, err), result)
	}
	c.env.note("%s", result)
	return nil
}

// stdoutName is what stdout is called where a file has its name.
const stdoutName = "stdout"

// captureFile is where a capture goes.
type captureFile struct {
	pcapng.Output
	name string
	// ring is nil if it is stdout.
	ring *pcapng.Ring
	// begun is set once the capture has begun.
	begun bool
}

// Next implements [pcapng.Files].
func (f *captureFile) Next() error { return f.ring.Next() }

func (c *captureCommand) open() (*captureFile, error) {
	if c.file == "-" {
		if isTerminal(c.env.stdout) {
			return nil, usagef("capture: stdout is a terminal: name a file, or pipe it, as in ctop capture -w - | wireshark -k -i -")
		}
		return &captureFile{Output: pcapng.Stream{Writer: c.env.stdout}, name: stdoutName}, c.env.checkStdout()
	}
	ring, err := pcapng.NewRing(c.file, c.files)
	if err != nil {
		return nil, captureFailed(c.file, err)
	}
	return &captureFile{Output: ring, name: c.file, ring: ring}, nil
}

// end closes the file, and removes it if the capture has not begun.
func (f *captureFile) end() error {
	if f.ring == nil {
		return nil
	}
	err := f.ring.Close()
	if !f.begun {
		err = errors.Join(err, f.ring.Remove())
	}
	return captureFailed(f.name, err)
}

// captureFailed adds the file's name to an error, once.
func captureFailed(name string, err error) error {
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path) && name != stdoutName:
		name, err = path.Path, path.Err // one of several files
	case errors.As(err, &path):
		err = path.Err
	}
	return fmt.Errorf("capture %s: %w", name, err)
}

// fileSize is a size of files as tcpdump takes it: in millions of bytes, or with a
// suffix in units of 1,024.
type fileSize int64

// Type is what help shows for the value.
func (s *fileSize) Type() string { return "SIZE" }

func (s *fileSize) String() string {
	switch n := int64(*s); {
	case n == 0:
		return "0"
	case n%1_000_000 == 0:
		return strconv.FormatInt(n/1_000_000, 10)
	default:
		return strconv.FormatInt(n>>10, 10) + "k"
	}
}

// Set reads a size.
func (s *fileSize) Set(text string) error {
	unit := int64(1_000_000)
	digits := text
	if n := len(text); n > 0 {
		if i := strings.IndexByte("kmg", text[n-1]|0x20); i >= 0 {
			digits, unit = text[:n-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a size: write it like 100 for 100 MB, 512k or 1g", text)
	}
	*s = fileSize(n * unit)
	return nil
}
