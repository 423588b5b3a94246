package netdev

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"ctop/internal/lab"
)

// Others find a process by the namespace of its first thread, which cannot be
// thrown away: it never enters another one.
func TestFirstThreadStays(t *testing.T) {
	lab.Require(t)
	ip := func(args ...string) {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Errorf("ip %v: %v: %s", args, err, out)
		}
	}
	ip("netns", "add", "apart")
	defer ip("netns", "del", "apart")
	home, _ := os.Readlink("/proc/thread-self/ns/net")
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		if here, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || here == home {
			t.Errorf("it is still in %s: %v", here, err)
		}
		return nil
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 250 {
				if err := inNamespace("/run/netns/apart", check); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if after, err := os.Readlink("/proc/self/ns/net"); err != nil || after != before {
		t.Errorf("the process is in %s, it was in %s: %v", after, before, err)
	}
}
