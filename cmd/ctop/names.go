package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ctop/internal/file"
	"ctop/internal/names"
	"ctop/internal/names/geo"
)

const (
	namesFlag = "names-file"
	// largestNames is the maximum size of a file of names, in bytes.
	largestNames = 16 << 20
	// namesPause is the time between two looks at it.
	namesPause = 2 * time.Second
)

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
func logNames(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(namesPause)
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
