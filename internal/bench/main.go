// Command bench compares ctop with the alternatives that a user would pick, in
// one run.
// All measurements of a kind are interleaved (A B C A B C …), and medians
// compared.
//
// It needs root, works in its own namespaces (internal/lab) and installs nothing. A missing
// peer is named and left out. docs/performance.md explains the figures and what bounds them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ctop/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if what := os.Getenv(childVariable); what != "" {
		return beChild(what)
	}
	var o Options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.Quick, "quick", false, "take fewer and shorter samples, and leave out what is slow")
	only := flags.String("only", "", "parts to run, separated by commas: "+strings.Join(partNames(), ", "))
	jsonFile := flags.String("json", os.Getenv("BENCH_JSON"), "write everything that was measured into this file")
	document := flags.String("write", "", "put the tables into this document, between its markers")
	from := flags.String("from", "", "measure nothing: take these files, written by -json, instead, separated by commas")
	objects := flags.String("objects", "", "builds of conntrack.c to compare by packet, separated by commas: nothing else is run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	if *from != "" {
		report, err := readReports(strings.Split(*from, ","))
		if err != nil {
			return err
		}
		return report.deliver(stdout, *jsonFile, *document)
	}
	if err := lab.Isolate(); err != nil {
		return err
	}
	if *objects != "" {
		rows, err := variants(ctx, o, strings.Split(*objects, ","))
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, rowsText(rows))
		return err
	}
	report := Report{Date: time.Now().UTC().Truncate(time.Second), Command: o.command(), Machine: thisMachine()}
	if err := report.measure(ctx, o, log.New(stderr, "", 0)); err != nil {
		// The parts that were measured are not lost: -from takes them.
		return errors.Join(err, report.deliver(stdout, *jsonFile, ""))
	}
	return report.deliver(stdout, *jsonFile, *document)
}
