package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// tree is a tree of files as they are installed, for one kind of machine.
type tree struct {
	arch, dir string
}

func (t tree) path(name string) string { return filepath.Join(t.dir, name) }

// program is where packages install the program.
const program = "usr/bin/ctop"

// common is the tree of what all kinds of machine share, and tools has the programs that
// make the rest.
func (r *release) common() tree  { return tree{dir: filepath.Join(r.work, "common")} }
func (r *release) tools() string { return filepath.Join(r.work, "tools") }

// prepare builds the tools, and makes the common tree.
func (r *release) prepare(ctx context.Context) error {
	host := filepath.Join(r.tools(), "ctop")
	if err := r.compile(ctx, runtime.GOARCH, host); err != nil {
		return err
	}
	nfpm, err := filepath.Abs(filepath.Join(r.tools(), "nfpm"))
	if err != nil {
		return err
	}
	if err := command(ctx, nil, "go", "build", "-C", "internal/dist/tools", "-buildvcs=false", "-o", nfpm, "github.com/goreleaser/nfpm/v2/cmd/nfpm"); err != nil {
		return err
	}
	t := r.common()
	for name, args := range map[string][]string{
		"usr/share/bash-completion/completions/ctop":    {"completion", "bash"},
		"usr/share/zsh/site-functions/_ctop":            {"completion", "zsh"},
		"usr/share/fish/vendor_completions.d/ctop.fish": {"completion", "fish"},
		"usr/share/man/man8/ctop.8.gz":                  {"man"},
	} {
		text, err := output(ctx, host, args...)
		if err != nil {
			return err
		}
		if err := t.write(name, []byte(text+"\n")); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{
		"usr/lib/systemd/system/ctop@.service":      "docs/ctop@.service",
		"usr/lib/systemd/system/ctop-hub.service":   "docs/ctop-hub.service",
		"usr/share/doc/ctop/examples/ctop-hub.conf": "internal/dist/files/ctop-hub.conf",
		"etc/ctop/config.toml":                      "internal/dist/files/config.toml",
		"etc/logrotate.d/ctop":                      "internal/dist/files/logrotate",
		"usr/share/doc/ctop/examples/wan.conf":      "internal/dist/files/wan.conf",
		"usr/share/doc/ctop/changelog.gz":           "CHANGELOG.md",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := t.write(name, text); err != nil {
			return err
		}
	}
	return t.write("debian/changelog.Debian.gz", []byte(r.debianChangelog()))
}

// debianChangelog is the changelog of the packaging, which has no other changes.
func (r *release) debianChangelog() string {
	return fmt.Sprintf("ctop (%s-1) unstable; urgency=medium\n\n  * Built from the sources of this version; changelog.gz lists its changes.\n\n"+
		" -- The ctop maintainers <maintainers@ctop.invalid>  %s\n", r.version, r.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
}

// tree makes the tree of one kind of machine.
func (r *release) tree(ctx context.Context, arch string) (tree, error) {
	t := tree{arch: arch, dir: filepath.Join(r.work, arch)}
	if err := os.CopyFS(t.dir, os.DirFS(r.common().dir)); err != nil {
		return t, err
	}
	if err := r.compile(ctx, arch, t.path(program)); err != nil {
		return t, err
	}
	notices, err := notices(ctx, t.path(program))
	if err != nil {
		return t, err
	}
	return t, t.write("usr/share/doc/ctop/NOTICES.gz", notices)
}

// write writes a file, compressed if its name says so.
func (t tree) write(name string, text []byte) error {
	if strings.HasSuffix(name, ".gz") {
		var err error
		if text, err = compressed(text); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(t.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(t.path(name), text, 0o644)
}

// compressed compresses as gzip -9n does: without a name and a time.
func compressed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// compile builds the program. Nothing of this machine gets into it.
func (r *release) compile(ctx context.Context, arch, to string) error {
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT="}
	return command(ctx, env, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w -X main.release="+r.version, "-o", to, "./cmd/ctop")
}

// command runs a command with further variables, and returns what it says if it fails.
func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
