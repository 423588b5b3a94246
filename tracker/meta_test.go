package tracker

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// goodMeta is what a tracker of this version writes.
func goodMeta() *meta {
	return &meta{
		Layout: currentLayout(), StartedNs: 1, MaxFlows: 65536, Programs: "x",
		Interfaces: [2]ifaceMeta{
			{Name: "left", Index: 3, Mode: flow.ModeNative, Changes: []change{{Kind: changeGRO, NetNS: "/run/netns/a", Name: "eth0"}}},
			{Name: "right", Index: 5, Mode: flow.ModeTC},
		},
	}
}

func encoded(t testing.TB, m *meta) []byte {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, metaSize)
	copy(value, text)
	return value
}

func TestMetaOfOthers(t *testing.T) {
	if m, err := decodeMeta(encoded(t, goodMeta())); err != nil || !reflect.DeepEqual(m, goodMeta()) {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, harm := range map[string]func(m *meta){
		"another version":   func(m *meta) { m.Layout.Version++ },
		"larger flows":      func(m *meta) { m.Layout.Flow += 8 },
		"no flows":          func(m *meta) { m.MaxFlows = 0 },
		"too many flows":    func(m *meta) { m.MaxFlows = flow.MaxMaxFlows + 1 },
		"no interface":      func(m *meta) { m.Interfaces[1] = ifaceMeta{} },
		"an unknown mode":   func(m *meta) { m.Interfaces[0].Mode = 77 },
		"a negative number": func(m *meta) { m.Interfaces[0].Index = -1 },
	} {
		m := goodMeta()
		harm(m)
		if _, err := decodeMeta(encoded(t, m)); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzMeta reads the description of a tracker of any version, or of none: it is
// refused in one line, or makes sense.
func FuzzMeta(f *testing.F) {
	f.Add(encoded(f, goodMeta()))
	old := goodMeta()
	old.Layout.Version = 0
	f.Add(encoded(f, old))
	for _, text := range []string{"", "{}", "null", "[]", `{"interfaces":[{}]}`, `{"layout":{"version":1e9}}`, "\x00\xff{"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := decodeMeta(value)
		if err != nil {
			if !errors.Is(err, ErrLayout) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		if again, err := decodeMeta(encoded(t, m)); len(value) <= metaSize && (err != nil || !reflect.DeepEqual(again, m)) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
