package process

import "testing"

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// TestParsePath has the paths that the service manager and the runtimes make, with either
// of their cgroup drivers.
func TestParsePath(t *testing.T) {
	const pod = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
	const podUnit = "1b4e28ba_2fa1_11d2_883f_0016d3cca427"
	for path, want := range map[string]Group{
		"/":                           {},
		"":                            {},
		"/system.slice":               {},
		"/system.slice/nginx.service": {Unit: "nginx.service"},
		"/system.slice/system-getty.slice/getty@tty1.service":                              {Unit: "getty@tty1.service"},
		"/user.slice/user-1000.slice/session-3.scope":                                      {Unit: "session-3.scope"},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-1.scope":      {Unit: "user@1000.service/app-firefox-1.scope"},
		"/user.slice/user-1000.slice/user@1000.service/init.scope":                         {Unit: "user@1000.service/init.scope"},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service":              {Unit: "user@1000.service/ssh.service"},
		"/system.slice/postgresql@15-main.service/worker":                                  {Unit: "postgresql@15-main.service"},
		"/system.slice/sshd.service/..":                                                    {Unit: "sshd.service"},
		"/system.slice/docker-" + id + ".scope":                                            {Container: id[:12]},
		"/docker/" + id:                                                                    {Container: id[:12]},
		"/docker/" + id + "/system.slice/cron.service":                                     {Container: id[:12], Unit: "cron.service"},
		"/system.slice/docker.service":                                                     {Unit: "docker.service"},
		"/machine.slice/libpod-" + id + ".scope":                                           {Container: id[:12]},
		"/machine.slice/libpod-" + id + ".scope/container":                                 {Container: id[:12]},
		"/libpod_parent/libpod-" + id:                                                      {Container: id[:12]},
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope": {Container: id[:12]},
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + podUnit + ".slice/cri-containerd-" + id + ".scope": {
			Container: id[:12], Pod: pod,
		},
		"/kubepods.slice/kubepods-pod" + podUnit + ".slice/crio-" + id + ".scope":        {Container: id[:12], Pod: pod},
		"/kubepods.slice/kubepods-pod" + podUnit + ".slice/crio-conmon-" + id + ".scope": {Pod: pod, Unit: "crio-conmon-" + id + ".scope"},
		"/kubepods/besteffort/pod" + pod + "/" + id:                                      {Container: id[:12], Pod: pod},
		"/kubepods/pod" + id[:32] + "/" + id:                                             {Container: id[:12], Pod: id[:32]},
		"/kubelet.slice/kubelet-kubepods.slice/x":                                        {},
		"/ecs/task/" + id[:32] + "-1234567890":                                           {Container: id[:12]},
		"/lxc/web":                                                                       {Container: "web"},
		"/lxc.payload.web":                                                               {Container: "web"},
		"/lxc.payload.web/system.slice/a.service":                                        {Container: "web", Unit: "a.service"},
		"/machine.slice/machine-web\\x2d1.scope":                                         {Container: "web-1"},
		"/machine.slice/systemd-nspawn@web.service/payload":                              {Container: "web"},
		"/podinfo/x":          {},
		"/docker-short.scope": {Unit: "docker-short.scope"},
		"/.service":           {},
	} {
		if got := ParsePath(path); got != want {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
}

// The hierarchy of version 2 counts, then systemd's own; a hybrid machine has the
// processes there.
func TestParseGroups(t *testing.T) {
	for text, want := range map[string]Group{
		"0::/system.slice/nginx.service\n":                                           {Unit: "nginx.service"},
		"12:pids:/docker/" + id + "\n1:name=systemd:/system.slice/a.service\n0::/\n": {Unit: "a.service"},
		"3:cpuset:/docker/" + id + "\n0::/\n":                                        {Container: id[:12]},
		"9:name=systemd:/\n0::/\n":                                                   {},
		"nonsense\n\n::\n":                                                           {},
	} {
		if got := ParseGroups(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func TestCgroupMount(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"31 23 0:28 / - cgroup2 none rw\n":     "",
		"31 23 0:28 / /cg - cgroup2 none rw\n": "/cg",
		"31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n":                                   "/sys/fs/cgroup",
		"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n41 31 0:38 / /a\\040b rw - cgroup2 none rw\n": "/a b",
		"41 31 0:38 /system.slice /mnt rw - cgroup2 none rw\n":                                                                 "",
	} {
		if got := cgroupMount(text); got != want {
			t.Errorf("%q is at %q, want %q", text, got, want)
		}
	}
}
