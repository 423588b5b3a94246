package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	file := f.Value.String()
	seen := stampOf(file)
	if err := readNames(file); err != nil {
		return fmt.Errorf("read --%s: %w", namesFlag, err)
	}
	go followNames(ctx, file, seen, namesPause)
	return nil
}

func readNames(file string) error {
	text, err := readUpTo(file, largestNames)
	if err != nil {
		return err
	}
	table, err := names.ParseTable(file, text)
	if err == nil {
		names.Use(table)
	}
	return err
}

// stamp shows whether a file is still the same.
type stamp struct {
	changed time.Time
	size    int64
	inode   uint64
}

// stampOf returns a file's stamp, the zero value if there is no such file.
func stampOf(file string) (s stamp) {
	info, err := os.Stat(file)
	if err != nil {
		return s
	}
	s.changed, s.size = info.ModTime(), info.Size()
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// followNames reads the file again when it has changed. While that fails, the names stay
// what they were.
func followNames(ctx context.Context, file string, seen stamp, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := stampOf(file)
		if now == seen {
			continue
		}
		seen = now
		if err := readNames(file); errors.Is(err, fs.ErrNotExist) {
			names.Keep(fmt.Errorf("%s is gone: the names stay until it is back", file))
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
