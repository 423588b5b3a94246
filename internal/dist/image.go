package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
)

// The media types of https://github.com/opencontainers/image-spec.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// object is JSON that is written once; its keys are sorted.
type object map[string]any

// layout is an OCI image layout.
type layout []entry

// add adds a blob and returns its descriptor.
func (l *layout) add(kind string, text []byte) object {
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	*l = append(*l, entry{name: "blobs/sha256/" + sum, mode: 0o644, text: text})
	return object{"mediaType": kind, "digest": "sha256:" + sum, "size": len(text)}
}

func (l *layout) addJSON(kind string, o object) (object, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return l.add(kind, text), nil
}

// image writes an image as an archive of an OCI image layout: the static program and its
// notices in one layer, and nothing else. No daemon is needed to make it.
func (r *release) image(t tree) error {
	files := []entry{{name: "var/lib/ctop/", mode: 0o700}, {name: "run/ctop/", mode: 0o700}}
	for name, mode := range map[string]os.FileMode{program: 0o755, "usr/share/doc/ctop/NOTICES.gz": 0o644} {
		text, err := os.ReadFile(t.path(name))
		if err != nil {
			return err
		}
		files = append(files, entry{name: name, mode: mode, text: text})
	}
	layer, err := packed(files, r.time)
	if err != nil {
		return err
	}
	blob, err := compressed(layer)
	if err != nil {
		return err
	}
	var l layout
	labels := map[string]string{
		"org.opencontainers.image.title":    "ctop",
		"org.opencontainers.image.version":  r.version,
		"org.opencontainers.image.created":  r.time.Format("2006-01-02T15:04:05Z"),
		"org.opencontainers.image.licenses": "Apache-2.0 AND GPL-2.0-only",
	}
	config, err := l.addJSON(configType, object{
		"created": r.time.Format("2006-01-02T15:04:05Z"), "architecture": t.arch, "os": "linux",
		"config":  object{"Entrypoint": []string{"/" + program}, "WorkingDir": "/", "Labels": labels},
		"rootfs":  object{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
		"history": []object{{"created": r.time.Format("2006-01-02T15:04:05Z"), "created_by": "ctop-dist"}},
	})
	if err != nil {
		return err
	}
	manifest, err := l.addJSON(manifestType, object{
		"schemaVersion": 2, "mediaType": manifestType, "config": config,
		"layers": []object{l.add(layerType, blob)}, "annotations": labels,
	})
	if err != nil {
		return err
	}
	manifest["platform"] = object{"architecture": t.arch, "os": "linux"}
	manifest["annotations"] = object{"org.opencontainers.image.ref.name": "latest"}
	index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{manifest}})
	if err != nil {
		return err
	}
	l = append(l, entry{name: "index.json", mode: 0o644, text: index},
		entry{name: "oci-layout", mode: 0o644, text: []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	text, err := packed(l, r.time)
	if err != nil {
		return err
	}
	return os.WriteFile(r.file(t.arch, ".oci.tar"), text, 0o644)
}
