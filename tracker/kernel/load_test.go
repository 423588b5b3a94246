package kernel

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"ctop/bpf"
	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// The kernel is asked for each capability that loading needs, before the verifier is: one of
// two will do.
func TestCheckPrivilege(t *testing.T) {
	lab.Require(t)
	must(t, Check())
	for _, c := range []struct {
		without []int
		refused bool
	}{
		{[]int{unix.CAP_PERFMON}, false}, {[]int{unix.CAP_SYS_ADMIN}, false}, {[]int{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN}, true},
	} {
		if err := checkWithout(c.without...); errors.Is(err, ErrPermission) != c.refused || !c.refused && err != nil {
			t.Errorf("without capabilities %d: %v", c.without, err)
		}
	}
}

// checkWithout calls Check on a thread that lacks capabilities, and ends that.
func checkWithout(capabilities ...int) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&header, &data[0]); err != nil {
			result <- err
			return
		}
		for _, c := range capabilities {
			data[c/32].Effective &^= 1 << (c % 32)
		}
		if err := unix.Capset(&header, &data[0]); err != nil {
			result <- err
			return
		}
		result <- Check()
	}()
	return <-result
}

// Making the maps verifies no program: that takes most of the time of loading.
func TestLoadMapsAlone(t *testing.T) {
	lab.Require(t)
	spec, err := bpf.LoadConntrack()
	must(t, err)
	must(t, specialise(spec, Options{MaxFlows: flow.MinMaxFlows}))
	coll, err := loadMaps(spec)
	must(t, err)
	defer coll.Close()
	if len(coll.Programs) > 0 || len(coll.Maps) < len(spec.Maps) {
		t.Errorf("%d programs, and %d maps of %d", len(coll.Programs), len(coll.Maps), len(spec.Maps))
	}
}

// The description of a tracker is read as it was written last.
func TestMeta(t *testing.T) {
	lab.Require(t)
	meta, err := newMeta()
	must(t, err)
	k := &Objects{meta: meta}
	defer k.Close()
	for _, text := range [][]byte{bytes.Repeat([]byte("x"), MetaSize), []byte("{}"), nil} {
		must(t, k.WriteMeta(text))
		if got, err := k.ReadMeta(); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes are %d, error %v", len(text), len(got), err)
		}
	}
	if err := k.WriteMeta(make([]byte, MetaSize+1)); err == nil {
		t.Error("a description is cut")
	}
}
