// Package tools has what make dist and its tests need, and ctop does not.
package tools

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestManifest decodes docs/kubernetes.yaml strictly, as the types of Kubernetes: a field
// that is not theirs is an error.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../../docs/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := bytes.Split(text, []byte("\n---\n"))
	if len(documents) != 2 {
		t.Fatalf("%d documents", len(documents))
	}
	var namespace core.Namespace
	if err := yaml.UnmarshalStrict(documents[0], &namespace); err != nil {
		t.Fatal(err)
	}
	var set apps.DaemonSet
	if err := yaml.UnmarshalStrict(documents[1], &set); err != nil {
		t.Fatal(err)
	}
	if set.Namespace != namespace.Name || set.Spec.Selector.MatchLabels["app.kubernetes.io/name"] != set.Spec.Template.Labels["app.kubernetes.io/name"] {
		t.Errorf("%+v", set.ObjectMeta)
	}
	pod := set.Spec.Template.Spec
	container := pod.Containers[0]
	if got := container.SecurityContext.Capabilities.Add; !pod.HostNetwork || !slices.Equal(got, []core.Capability{"BPF", "PERFMON", "NET_ADMIN", "SYS_ADMIN"}) {
		t.Errorf("network %t, capabilities %v", pod.HostNetwork, got)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range container.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("nothing is mounted at %s", m.MountPath)
		}
	}
}

// TestBills reads the bills of materials in the directory that is named after -args.
func TestBills(t *testing.T) {
	if flag.NArg() == 0 {
		t.Skip("name a directory: go test -args DIR")
	}
	files, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.spdx.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		document, err := spdx.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := spdxlib.ValidateDocument(document); err != nil {
			t.Error(err)
		}
		about, err := spdxlib.GetDescribedPackageIDs(document)
		if err != nil || len(about) != 1 || len(document.Packages) < 20 || len(document.Relationships) != len(document.Packages) {
			t.Errorf("%v, %v: %d packages, %d relationships", about, err, len(document.Packages), len(document.Relationships))
		}
		if !json.Valid(text) || !strings.Contains(string(text), "github.com/cilium/ebpf") {
			t.Errorf("%s lacks the module that loads the programs", name)
		}
	}
}
