package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive, or a directory if its name ends in a slash.
type entry struct {
	name string
	mode fs.FileMode
	text []byte
}

// packed returns a tar archive of the entries and of the directories above them, sorted,
// all of one time and owned by root.
func packed(entries []entry, at time.Time) ([]byte, error) {
	known := map[string]bool{}
	for _, e := range entries {
		known[e.name] = true
	}
	for _, e := range slices.Clone(entries) {
		for dir := path.Dir(strings.TrimSuffix(e.name, "/")); dir != "."; dir = path.Dir(dir) {
			if !known[dir+"/"] {
				known[dir+"/"] = true
				entries = append(entries, entry{name: dir + "/", mode: 0o755})
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: int64(e.mode), Size: int64(len(e.text)), ModTime: at, Format: tar.FormatPAX, Typeflag: tar.TypeReg}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// archive writes the archive for systems without deb and rpm. It is unpacked in
// /usr/local.
func (r *release) archive(t tree) error {
	top := "ctop_" + r.version + "_linux_" + t.arch + "/"
	var entries []entry
	add := func(name, from string) error {
		text, err := os.ReadFile(from)
		e := entry{name: top + name, mode: 0o644, text: text}
		if name == "bin/ctop" {
			e.mode = 0o755
		}
		if strings.HasSuffix(name, ".service") {
			e.text = bytes.ReplaceAll(text, []byte("/usr/bin/ctop"), []byte("/usr/local/bin/ctop"))
			e.text = bytes.ReplaceAll(e.text, []byte("/usr/share/doc"), []byte("/usr/local/share/doc"))
		}
		entries = append(entries, e)
		return err
	}
	for _, name := range []string{
		"bin/ctop", "lib/systemd/system/ctop@.service", "lib/systemd/system/ctop-hub.service", "share/man/man8/ctop.8.gz",
		"share/bash-completion/completions/ctop", "share/zsh/site-functions/_ctop", "share/fish/vendor_completions.d/ctop.fish",
		"share/doc/ctop/NOTICES.gz", "share/doc/ctop/changelog.gz", "share/doc/ctop/examples/wan.conf",
		"share/doc/ctop/examples/ctop-hub.conf",
	} {
		if err := add(name, t.path("usr/"+name)); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{
		"share/doc/ctop/README.md": "README.md", "share/doc/ctop/LICENSE": "LICENSE", "share/doc/ctop/LICENSE.bpf": "bpf/LICENSE",
		"share/doc/ctop/examples/config.toml": "internal/dist/files/config.toml", "share/doc/ctop/examples/logrotate": "internal/dist/files/logrotate",
		"share/doc/ctop/examples/kubernetes.yaml": "docs/kubernetes.yaml", "share/doc/ctop/examples/grafana-dashboard.json": "docs/grafana-dashboard.json",
	} {
		if err := add(name, from); err != nil {
			return err
		}
	}
	text, err := packed(entries, r.time)
	if err != nil {
		return err
	}
	if text, err = compressed(text); err != nil {
		return err
	}
	return os.WriteFile(r.file(t.arch, ".tar.gz"), text, 0o644)
}

// packages writes the deb and the rpm.
func (r *release) packages(ctx context.Context, t tree) error {
	env := []string{
		"VERSION=" + r.version, "ARCH=" + t.arch, "TREE=" + t.dir,
		fmt.Sprint("SOURCE_DATE_EPOCH=", r.time.Unix()),
	}
	// nfpm takes the times of files that it is not told.
	err := filepath.WalkDir(t.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, r.time, r.time)
	})
	for _, kind := range []string{"deb", "rpm"} {
		if err != nil {
			return err
		}
		err = command(ctx, env, filepath.Join(r.tools(), "nfpm"), "package", "--config", "internal/dist/nfpm.yaml",
			"--packager", kind, "--target", r.file(t.arch, "."+kind))
	}
	return err
}
