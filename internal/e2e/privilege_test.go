package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// named are the capabilities in the README.
const named = "-all,+bpf,+net_admin,+perfmon,+sys_admin"

// The capabilities in the README are enough, in every mode, with any umask.
// Nobody else may read pins or files, and nothing is written unless requested.
func TestLeastPrivilege(t *testing.T) {
	for _, mode := range append(modes, flow.ModeGeneric) {
		t.Run(mode.String(), func(t *testing.T) {
			l, ctx := newLab(t)
			home := t.TempDir()
			audit := filepath.Join(home, "audit.jsonl")
			under := []string{
				"setpriv", "--bounding-set=" + named, "--inh-caps=-all", "env", "HOME=" + home,
				"XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "XDG_CACHE_HOME=", "sh", "-c", `umask 0 && exec "$0" "$@"`,
			}
			ports := []string{l.Client.Port(), l.Server.Port()}
			for _, args := range [][]string{
				append([]string{"--dump", "--keep", "--for", "100ms", "--mode", mode.String()}, ports...),
				{"timeouts", "icmp=20s", "--audit", audit},
				{"delete", "udp", "--audit", audit},
				append([]string{"--dump", "-o", "json"}, ports...),
			} {
				if o := runUnder(ctx, t, under, args...); o.status != 0 {
					t.Errorf("ctop %s: exit status %d, %q", strings.Join(args, " "), o.status, o.stderr)
				}
			}
			private(t, "/sys/fs/bpf/ctop")
			private(t, audit)
			if err := os.Remove(audit); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
				t.Errorf("it wrote %v, %v", left, err)
			}
			if o := runUnder(ctx, t, under, slices.Concat([]string{"down"}, ports)...); o.status != 0 {
				t.Errorf("down: %q", o.stderr)
			}
			checkDetached(t, l)
		})
	}
}

// private checks that only the owner may read a file, or the files in a
// directory.
func private(t *testing.T, root string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen++
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = errors.New(path + " is " + info.Mode().String())
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files in %s: %v", seen, root, err)
	}
}
