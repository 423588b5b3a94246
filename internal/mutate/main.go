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
	"slices"

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

func run(ctx context.Context, args []string, out io.Writer) error {
	lines := log.New(out, "", 0)
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "select the places by this number")
	sample := flags.Int("sample", 200, "stop after so many changes that compile")
	list := flags.Bool("list", false, "print the places and run nothing")
	match := flags.String("match", "", "try only changes that match this regular expression")
	own := flags.Bool("own", false, "run the package's own tests only")
	quick := flags.Bool("quick", false, "leave out end-to-end tests, which take minutes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*match)
	if err != nil {
		return fmt.Errorf("-match: %w", err)
	}
	packages, err := listPackages(ctx, flags.Args())
	if err != nil {
		return err
	}
	places, err := mutations(packages)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(*seed, *seed))
	random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	places = slices.DeleteFunc(places, func(m mutation) bool { return !wanted.MatchString(m.String()) })
	if *list {
		for _, m := range places[:min(*sample, len(places))] {
			lines.Print(m)
		}
		return nil
	}
	b, err := newBench(ctx, suitesOf(*own, *quick))
	if err != nil {
		return err
	}
	defer b.close()
	return judge(ctx, b, places, *sample, lines)
}

// judge tries mutations until the sample is complete, and prints the result of
// each.
func judge(ctx context.Context, b *bench, places []mutation, sample int, out *log.Logger) error {
	var results []result
	for _, m := range places {
		if len(results) == sample {
			break
		}
		r, err := b.try(ctx, m)
		if err != nil {
			return err
		}
		out.Print(r)
		if r.fate != uncompiled {
			results = append(results, r)
		}
	}
	report(results, out)
	return nil
}

// report prints how many mutations each package's tests caught, and the
// survivors.
func report(results []result, out *log.Logger) {
	counts := map[string]*[2]int{}
	var caught int
	var packages []string
	for _, r := range results {
		name := r.pkg.ImportPath
		if counts[name] == nil {
			counts[name] = new([2]int)
			packages = append(packages, name)
		}
		counts[name][1]++
		if r.fate != survived {
			counts[name][0]++
			caught++
		}
	}
	slices.Sort(packages)
	out.Print()
	for _, name := range packages {
		out.Printf("%4d of %4d caught in %s", counts[name][0], counts[name][1], name)
	}
	out.Printf("%4d of %4d caught", caught, len(results))
	for _, r := range results {
		if r.fate == survived {
			out.Print(r)
		}
	}
}
