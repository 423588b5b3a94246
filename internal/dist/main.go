// Command dist makes what people install: a deb, an rpm, an archive and a container image
// of ctop for each kind of machine, with a bill of materials and checksums. The same commit
// and the same Go make the same bytes, wherever and whenever.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// release is what is made, and from what.
type release struct {
	version string
	// time is that of the commit, and of every file.
	time time.Time
	// out is where the files for people go, work where others do.
	out, work string
}

func main() {
	out := flag.String("out", "bin/dist", "directory for the files, which is emptied first")
	version := flag.String("version", "", "version in place of that from git")
	kinds := flag.String("arch", "amd64,arm64", "kinds of machine to make files for, by their names in Go")
	flag.Parse()
	if err := run(context.Background(), *out, *version, strings.Split(*kinds, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// run makes everything for some kinds of machine, by their names in Go, Debian and OCI. rpm
// has names of its own, which nfpm knows.
func run(ctx context.Context, out, version string, kinds []string) (err error) {
	r := &release{version: version, out: out}
	if r.version == "" {
		if r.version, err = gitVersion(ctx); err != nil {
			return err
		}
	}
	if r.time, err = commitTime(ctx); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "ctop-dist"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.work)) }()
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, arch := range kinds {
		if err := r.make(ctx, arch); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	return sums(out)
}

// make makes all files for one kind of machine.
func (r *release) make(ctx context.Context, arch string) error {
	t, err := r.tree(ctx, arch)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.archive(t) },
		func() error { return r.packages(ctx, t) },
		func() error { return r.image(t) },
		func() error { return r.materials(t) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// file returns the path of a file for people.
func (r *release) file(arch, extension string) string {
	return filepath.Join(r.out, "ctop_"+r.version+"_linux_"+arch+extension)
}

// gitVersion returns the version of the commit: that of its tag (v1.2.3), or of the last
// tag and the number of commits since then, so that a newer commit is a newer version. A
// tree that is not the commit says so.
func gitVersion(ctx context.Context) (string, error) {
	version, err := described(ctx)
	if err != nil {
		return "", err
	}
	changed, err := output(ctx, "git", "status", "--porcelain")
	if err != nil {
		return "", err
	}
	if changed == "" {
		return version, nil
	}
	if strings.Contains(version, "+") {
		return version + ".modified", nil
	}
	return version + "+modified", nil
}

func described(ctx context.Context) (string, error) {
	if text, err := output(ctx, "git", "describe", "--tags", "--long", "--abbrev=12", "--match", "v[0-9]*"); err == nil {
		return versionOf(text)
	}
	hash, err := output(ctx, "git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "", err
	}
	count, err := output(ctx, "git", "rev-list", "--count", "HEAD")
	return "0.0.0+" + count + ".g" + hash, err
}

// versionOf returns the version of a description, TAG-COMMITS-gHASH.
func versionOf(described string) (string, error) {
	parts := strings.Split(described, "-")
	if len(parts) != 3 {
		return "", fmt.Errorf("%s is not a tag of a version: tag like v1.2.3", described)
	}
	tag := strings.TrimPrefix(parts[0], "v")
	if parts[1] == "0" {
		return tag, nil
	}
	return tag + "+" + parts[1] + "." + parts[2], nil
}

// commitTime returns SOURCE_DATE_EPOCH, or the time of the commit.
func commitTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var err error
		if text, err = output(ctx, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, err
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// output runs a command and returns what it printed, without white space around it.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.Output()
	if err != nil {
		return "", failed(cmd, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// failed returns the error of a command with what it said.
func failed(cmd *exec.Cmd, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
}
