package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/file"
	"ctop/internal/names"
	"ctop/internal/names/geo"
	"ctop/tracker"
)

const (
	namesFlag   = "names-file"
	numericFlag = "numeric"
	// largestNames is the maximum size of a file of names, in bytes.
	largestNames = 16 << 20
	// namesPause is the time between two looks at it.
	namesPause = 2 * time.Second
)

// namesValue says which names there are.
type namesValue uint8

const (
	namesHidden namesValue = iota
	// namesShown: the console shows names.
	namesShown
	// namesTraffic: the traffic is read for names of servers.
	namesTraffic
)

var namesValues = [...]string{namesHidden: "false", namesShown: "true", namesTraffic: "traffic"}

// Type is what help shows for the value: that of a flag that needs none.
func (v *namesValue) Type() string   { return "bool" }
func (v *namesValue) String() string { return namesValues[*v] }

// Set takes a value.
func (v *namesValue) Set(s string) error {
	if b, err := strconv.ParseBool(s); err == nil {
		s = strconv.FormatBool(b)
	}
	i := slices.Index(namesValues[:], s)
	if i < 0 {
		return fmt.Errorf("%q is none: use traffic to read the traffic for names of servers, or leave it out", s)
	}
	*v = namesValue(i)
	return nil
}

// fleetNames says where the consoles of a fleet have names of traffic from.
const fleetNames = "a fleet has the names that its hosts read, as with ctop serve --names=traffic"

// trafficText is what help says of the value traffic.
const trafficText = "=traffic reads names of servers from TLS, QUIC and DNS as they pass"

// shownOnly is the annotation of the flag of a command that cannot read traffic.
const shownOnly = "shown only"

// register adds the flag to a command that has a console: what it does without a value
// comes first. reads says whether the command can read traffic.
func (v *namesValue) register(flags *pflag.FlagSet, shows string, reads bool) {
	if reads {
		shows += "; " + trafficText
	}
	flags.Var(v, "names", shows)
	flags.Lookup("names").NoOptDefVal = namesValues[namesShown]
	if !reads {
		_ = flags.SetAnnotation("names", shownOnly, nil) // the flag is there
	}
}

// checkShown refuses to read the traffic for a command that cannot: what has the names
// instead says where they come from.
func (v namesValue) checkShown(cmd *cobra.Command, instead string) error {
	if v == namesTraffic && given(cmd, "names") {
		return usagef("--names=traffic reads packets as they pass: %s", instead)
	}
	return nil
}

// trafficValue is a namesValue of a command without a console.
type trafficValue struct{ namesValue }

// Type is what help shows for the value.
func (v *trafficValue) Type() string { return "traffic" }

func (v *trafficValue) register(flags *pflag.FlagSet) {
	flags.Var(v, "names", "read names of servers from TLS, QUIC and DNS as they pass")
}

// read begins to read names from the traffic of a tracker, if that is asked for.
func (v namesValue) read(t *tracker.Tracker) error {
	if v != namesTraffic {
		return nil
	}
	return needsPerf(t.ReadNames())
}

// registerNames adds the flag with the operator's own names.
func registerNames(flags *pflag.FlagSet) {
	flags.String(namesFlag, "", "file with your own names of addresses and networks, as /etc/hosts; read again when it changes")
}

const (
	geoFlag = "geo-file"
	// largestGeo is the maximum size of such a file, in bytes.
	largestGeo = 256 << 20
)

// registerGeo adds the flag with files of countries and autonomous systems.
func registerGeo(flags *pflag.FlagSet) {
	flags.StringSlice(geoFlag, nil, "file with countries or autonomous systems, as GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb (repeatable)")
}

// useGeo reads the files of a command, if it has any.
func useGeo(cmd *cobra.Command) error {
	if cmd.Flags().Lookup(geoFlag) == nil {
		return nil
	}
	files, err := cmd.Flags().GetStringSlice(geoFlag)
	if err != nil || len(files) == 0 {
		return err
	}
	atlas := &geo.Atlas{}
	for _, file := range files {
		content, err := readUpTo(file, largestGeo)
		if err == nil {
			err = atlas.Add(file, content)
		}
		if err != nil {
			return fmt.Errorf("read --%s: %w", geoFlag, err)
		}
	}
	geo.Use(atlas)
	return nil
}

// useNames reads the names of a command, if it has any, and again whenever the file changes
// until ctx is done.
func useNames(ctx context.Context, cmd *cobra.Command) error {
	f := cmd.Flags().Lookup(namesFlag)
	if f == nil || f.Value.String() == "" {
		return nil
	}
	path := f.Value.String()
	seen := file.StampOf(path)
	if err := readNames(path); err != nil {
		return fmt.Errorf("read --%s: %w", namesFlag, err)
	}
	go followNames(ctx, path, seen, namesPause)
	return nil
}

func readNames(path string) error {
	text, err := readUpTo(path, largestNames)
	if err != nil {
		return err
	}
	table, err := names.ParseTable(path, text)
	if err == nil {
		names.Use(table)
	}
	return err
}

// followNames reads the file again when it has changed. While that fails, the names stay
// what they were.
func followNames(ctx context.Context, path string, seen file.Stamp, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := file.StampOf(path)
		if now == seen {
			continue
		}
		seen = now
		if err := readNames(path); errors.Is(err, fs.ErrNotExist) {
			names.Keep(fmt.Errorf("%s is gone: the names stay until it is back", path))
		} else if err != nil {
			names.Keep(err)
		}
	}
}

// logNames logs why the file of names was not read, until ctx is done.
func logNames(ctx context.Context, log *slog.Logger, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if why := names.Trouble(); why != said {
			if said = why; why != "" {
				log.Error("the file of names was not read: the names stay what they were", "error", why)
			} else {
				log.Info("read the file of names again")
			}
		}
	}
}
