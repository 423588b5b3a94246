package owner

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"ctop/tracker/flow"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
)

// goodDescription is what a tracker of this version writes.
func goodDescription() *Description {
	return &Description{
		Layout: kernel.CurrentLayout(), StartedNs: 1, MaxFlows: 65536, Programs: "x",
		Interfaces: []netdev.Point{
			{Name: "left", Index: 3, Mode: flow.ModeNative, To: 1, Changes: []netdev.Setting{{Kind: "gro", NetNS: "/run/netns/a", Name: "eth0"}}},
			{Name: "right", Index: 5, Mode: flow.ModeTC},
		},
	}
}

func encoded(t testing.TB, m *Description) []byte {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDescriptionOfOthers(t *testing.T) {
	if m, err := decode(encoded(t, goodDescription())); err != nil || !reflect.DeepEqual(m, goodDescription()) {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, harm := range map[string]func(m *Description){
		"another version":   func(m *Description) { m.Layout.Version++ },
		"larger flows":      func(m *Description) { m.Layout.Flow += 8 },
		"no flows":          func(m *Description) { m.MaxFlows = 0 },
		"too many flows":    func(m *Description) { m.MaxFlows = flow.MaxMaxFlows + 1 },
		"one interface":     func(m *Description) { m.Interfaces = m.Interfaces[:1] },
		"three interfaces":  func(m *Description) { m.Interfaces = append(m.Interfaces, m.Interfaces[0]) },
		"to nowhere":        func(m *Description) { m.Interfaces[0].To = 2 },
		"to itself":         func(m *Description) { m.Interfaces[0].To = 0 },
		"another role":      func(m *Description) { m.Interfaces[1].Role = flow.RoleWatch },
		"another direction": func(m *Description) { m.Interfaces[1].Direction = 7 },
		"no interface":      func(m *Description) { m.Interfaces[1] = netdev.Point{} },
		"an unknown mode":   func(m *Description) { m.Interfaces[0].Mode = 77 },
		"a negative number": func(m *Description) { m.Interfaces[0].Index = -1 },
	} {
		m := goodDescription()
		harm(m)
		if _, err := decode(encoded(t, m)); !errors.Is(err, kernel.ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDescription reads the description of a tracker of any version, or of none: it is
// refused in one line, or makes sense.
func FuzzDescription(f *testing.F) {
	f.Add(encoded(f, goodDescription()))
	old := goodDescription()
	old.Layout.Version = 0
	f.Add(encoded(f, old))
	for _, text := range []string{"", "{}", "null", "[]", `{"interfaces":[{}]}`, `{"layout":{"version":1e9}}`, "\x00\xff{"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := decode(value)
		if err != nil {
			if !errors.Is(err, kernel.ErrLayout) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		if again, err := decode(encoded(t, m)); len(value) <= kernel.MetaSize && (err != nil || !reflect.DeepEqual(again, m)) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
