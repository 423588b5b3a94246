package process

import (
	"strings"
)

// Group is what a control group is called. Empty members do not apply.
type Group struct {
	Unit, Container, Pod string
}

// ParseGroups returns the names in the text of /proc/PID/cgroup, a line for each
// hierarchy: "0::/system.slice/nginx.service" is version 2.
func ParseGroups(text string) Group {
	var found Group
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		g := ParsePath(path)
		if g == (Group{}) {
			continue
		}
		if controllers == "" || controllers == "name=systemd" {
			return g
		}
		if found == (Group{}) {
			found = g
		}
	}
	return found
}

// ParsePath returns the names in the path of a control group. Later elements are
// inside the earlier ones: a unit inside a container is one of its own systemd, and one
// inside a unit is named after both, since users call theirs as they like.
func ParsePath(path string) Group {
	var g Group
	parent := ""
	for element := range strings.SplitSeq(path, "/") {
		// systemd escapes nothing that matters here; a pod's path says twice what
		// it is.
		if pod := podOf(element); pod != "" {
			g.Pod = pod
		} else if id := containerOf(element, parent); id != "" {
			g.Container, g.Unit = id, ""
		} else if isUnit(element) {
			g.Unit = strings.TrimPrefix(g.Unit+"/"+element, "/")
		}
		parent = element
	}
	return g
}

// isUnit reports whether an element is a systemd unit with processes: slices only
// hold others.
func isUnit(element string) bool {
	for _, suffix := range []string{".service", ".scope", ".socket", ".mount", ".swap"} {
		if name, ok := strings.CutSuffix(element, suffix); ok && name != "" {
			return true
		}
	}
	return false
}

// podOf returns the UID of the pod in an element such as
// kubepods-burstable-podUID.slice, or podUID where cgroupfs is used.
func podOf(element string) string {
	name, slice := strings.CutSuffix(element, ".slice")
	at := strings.LastIndex(name, "pod")
	if at < 0 || !slice && at != 0 || slice && !strings.HasPrefix(name, "kubepods") {
		return ""
	}
	uid := strings.ReplaceAll(name[at+len("pod"):], "_", "-")
	if !isUID(uid) {
		return ""
	}
	return uid
}

// isUID reports whether a text is a UUID, or the hash that a static pod has.
func isUID(s string) bool {
	digits := strings.ReplaceAll(s, "-", "")
	return len(digits) == 32 && isHex(digits)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == "" && s != ""
}

// shortID is how many digits of a container's ID are shown, as by docker ps.
const shortID = 12

// runtimes are the prefixes of a container's scope, before its ID.
var runtimes = []string{"docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-", "containerd-", "buildkit-"}

// containerOf returns the short ID or the name of the container of an element.
func containerOf(element, parent string) string {
	name, scope := strings.CutSuffix(element, ".scope")
	for _, prefix := range runtimes {
		if id, ok := strings.CutPrefix(name, prefix); ok && isContainerID(id) {
			return id[:shortID]
		}
	}
	switch {
	case isContainerID(name) && !scope:
		return name[:shortID]
	case strings.HasPrefix(name, "lxc.payload.") && !scope:
		return strings.TrimPrefix(name, "lxc.payload.")
	case parent == "lxc" && !scope && name != "":
		return name
	case scope && parent == "machine.slice" && strings.HasPrefix(name, "machine-"):
		return unescape(strings.TrimPrefix(name, "machine-"))
	}
	if machine, ok := strings.CutPrefix(element, "systemd-nspawn@"); ok {
		return unescape(strings.TrimSuffix(machine, ".service"))
	}
	return ""
}

// isContainerID reports whether a text is the ID that the runtimes give: 64 digits,
// after which ECS has a number.
func isContainerID(s string) bool {
	id, suffix, _ := strings.Cut(s, "-")
	return (len(id) == 64 || len(id) == 32 && suffix != "") && isHex(id) && (suffix == "" || isDecimal(suffix))
}

func isDecimal(s string) bool { return strings.Trim(s, "0123456789") == "" && s != "" }

// unescape undoes what systemd does to a dash in a unit's name.
func unescape(name string) string { return strings.ReplaceAll(name, `\x2d`, "-") }
