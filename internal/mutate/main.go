package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// options are what the command line selects.
type options struct {
	seed             uint64
	sample           int
	list, own, quick bool
	work             string
	slack            time.Duration
	jobs             int
	match            *regexp.Regexp
	packages         []string
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 1, "select the places by this number")
	flags.IntVar(&o.sample, "sample", 200, "stop after so many changes that compile, or try all if it is 0")
	flags.BoolVar(&o.list, "list", false, "print the places and run nothing")
	match := flags.String("match", "", "try only changes that match this regular expression")
	flags.BoolVar(&o.own, "own", false, "run the package's own tests only")
	flags.BoolVar(&o.quick, "quick", false, "leave out the longer end-to-end tests")
	flags.StringVar(&o.work, "work", "", "work in this directory, keep it, and continue there the next time")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "run so many test binaries at a time, as root")
	flags.DurationVar(&o.slack, "slack", 20*time.Second, "the time that tests have, in addition to eight times what they take otherwise")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.match, err = regexp.Compile(*match); err != nil {
		return o, fmt.Errorf("-match: %w", err)
	}
	o.packages = flags.Args()
	return o, nil
}

// String returns what has to be the same in a run that continues another one.
func (o options) String() string {
	return fmt.Sprintf("-seed %d -sample %d -own=%t -quick=%t -match %q %q\n", o.seed, o.sample, o.own, o.quick, o.match, o.packages)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	lines := log.New(out, "", 0)
	if o.list {
		places, err := o.places(ctx, ".")
		for _, m := range o.sampleOf(places) {
			lines.Print(m)
		}
		return err
	}
	b, err := newBench(ctx, o, lines)
	if err != nil {
		return err
	}
	defer b.close()
	t, err := newTrial(ctx, b, o)
	if err != nil {
		return err
	}
	defer t.close()
	return t.run(ctx)
}

// places returns the places of the packages in random order.
func (o options) places(ctx context.Context, dir string) ([]mutation, error) {
	packages, err := listPackages(ctx, dir, o.packages)
	if err != nil {
		return nil, err
	}
	places, err := mutations(packages)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(o.seed, o.seed))
	random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	return slices.DeleteFunc(places, func(m mutation) bool { return !o.match.MatchString(m.String()) }), nil
}

func (o options) sampleOf(places []mutation) []mutation {
	if o.sample == 0 {
		return places
	}
	return places[:min(o.sample, len(places))]
}
