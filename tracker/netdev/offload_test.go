package netdev

import (
	"testing"

	"ctop/internal/lab"
)

// TestOffload changes an offload of a veth link and puts it back.
func TestOffload(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(t.Context(), lab.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	port := l.Client.Port()
	for kind, changeable := range map[settingKind]bool{
		settingRxVLAN: true, settingTxVLAN: true, settingRxServiceTag: true, settingTxServiceTag: true, settingGRO: true, settingLRO: false, settingHWGRO: false,
	} {
		o := offloads[kind]
		before, can, err := o.state(port)
		must(t, err)
		if can != changeable {
			t.Errorf("%s can be changed: %t", o.feature, can)
		}
		if !changeable {
			if !before || (Setting{Kind: kind, Name: port}).stuck() {
				t.Errorf("%s, which the link does not have, is in the way", o.feature)
			}
			continue
		}
		for _, needed := range []bool{true, false, before} {
			must(t, o.set(port, needed))
			if is, _, err := o.state(port); err != nil || is != needed {
				t.Errorf("%s is as needed: %t, wanted %t (%v)", o.feature, is, needed, err)
			}
		}
	}
	if err := offloads[settingLRO].set(port, false); err == nil {
		t.Error("an offload that the link does not have was turned on")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
