package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// linked returns the modules in a program, and the version of Go.
func linked(program string) ([]*debug.Module, string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, "", err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return nil, "", fmt.Errorf("%s is replaced: say so in the bill of materials", m.Path)
		}
	}
	return info.Deps, info.GoVersion, nil
}

// notice is the name of a file that has to accompany the program.
var notice = regexp.MustCompile(`^(?i)(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// notices returns the licences and notices of everything that is linked in.
func notices(ctx context.Context, program string) ([]byte, error) {
	modules, version, err := linked(program)
	if err != nil {
		return nil, err
	}
	goroot, err := output(ctx, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("ctop is linked with the following. Its own licences are Apache-2.0 and, for the\nprograms that it loads into the kernel, GPL-2.0-only.\n")
	if err := addNotices(&b, "Go "+version, goroot); err != nil {
		return nil, err
	}
	list := []string{"list", "-m", "-f", "{{.Dir}}"}
	for _, m := range modules {
		list = append(list, m.Path)
	}
	dirs, err := output(ctx, "go", list...)
	if err != nil {
		return nil, err
	}
	for i, dir := range strings.Split(dirs, "\n") {
		if err := addNotices(&b, modules[i].Path+" "+modules[i].Version, dir); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func addNotices(b *bytes.Buffer, name, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		if f.IsDir() || !notice.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(b, "\n%s\n%s: %s\n%[1]s\n\n%[4]s\n", strings.Repeat("-", 72), name, f.Name(), bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", name, dir)
	}
	return nil
}

// The part of SPDX 2.3 that is written (https://spdx.github.io/spdx-spec/v2.3/).
type (
	bill struct {
		Version       string         `json:"spdxVersion"`
		DataLicense   string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      creation       `json:"creationInfo"`
		Packages      []part         `json:"packages"`
		Relationships []relationship `json:"relationships"`
	}
	creation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	part struct {
		Name      string     `json:"name"`
		ID        string     `json:"SPDXID"`
		Version   string     `json:"versionInfo"`
		Download  string     `json:"downloadLocation"`
		Analyzed  bool       `json:"filesAnalyzed"`
		Concluded string     `json:"licenseConcluded"`
		Declared  string     `json:"licenseDeclared"`
		Copyright string     `json:"copyrightText"`
		Source    string     `json:"sourceInfo,omitempty"`
		Checksums []checksum `json:"checksums,omitempty"`
		Refs      []ref      `json:"externalRefs,omitempty"`
	}
	checksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	ref struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	relationship struct {
		From string `json:"spdxElementId"`
		To   string `json:"relatedSpdxElement"`
		Type string `json:"relationshipType"`
	}
)

const unsaid = "NOASSERTION"

// materials writes the bill of materials, from what the program itself says is in it.
func (r *release) materials(t tree) error {
	modules, version, err := linked(t.path(program))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(t.path(program))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	name := "ctop_" + r.version + "_linux_" + t.arch
	b := bill{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name,
		Namespace: "https://ctop.invalid/spdx/" + name + "-" + hex.EncodeToString(sum[:]),
		Creation:  creation{Created: r.time.Format("2006-01-02T15:04:05Z"), Creators: []string{"Tool: ctop-dist"}},
		Packages: []part{
			newPart("generic", "ctop", r.version, "Apache-2.0 AND GPL-2.0-only"),
			newPart("golang", "std", strings.TrimPrefix(version, "go"), "BSD-3-Clause"),
		},
	}
	b.Packages[0].Checksums = []checksum{{"SHA256", hex.EncodeToString(sum[:])}}
	for _, m := range modules {
		p := newPart("golang", m.Path, m.Version, unsaid)
		p.Source = "go.sum: " + m.Sum
		b.Packages = append(b.Packages, p)
	}
	b.relate()
	text, err = json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.file(t.arch, ".spdx.json"), append(text, '\n'), 0o644)
}

// relate says that the document is about the first package, and the others are in it.
func (b *bill) relate() {
	b.Relationships = []relationship{{b.ID, b.Packages[0].ID, "DESCRIBES"}}
	for _, p := range b.Packages[1:] {
		b.Relationships = append(b.Relationships, relationship{b.Packages[0].ID, p.ID, "STATIC_LINK"})
	}
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func newPart(kind, name, version, licence string) part {
	return part{
		Name: name, ID: "SPDXRef-" + notInID.ReplaceAllString(name, "-"), Version: version,
		Download: unsaid, Concluded: unsaid, Declared: licence, Copyright: unsaid,
		Refs: []ref{{"PACKAGE-MANAGER", "purl", "pkg:" + kind + "/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")}},
	}
}

// sums writes SHA256SUMS, for sha256sum -c.
func sums(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines []string
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(text), f.Name()))
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o644)
}
