package kernel

import (
	"testing"
	"unsafe"

	"ctop/internal/lab"
	"ctop/tracker/flow"
)

// The words of a zone are those that it has in a key.
func TestZoneWords(t *testing.T) {
	for position := range MaxWatched {
		var key kernelKey
		addZone(&key, uint16(position+1))
		words := (*[6]uint64)(unsafe.Pointer(&key))
		if zone := (Watched{Position: position}).toKernel().Zone; words[4] != zone[0] || words[5] != zone[1] || zoneOf(&key) != uint16(position+1) {
			t.Fatalf("position %d: words %x, want %x", position, zone, words)
		}
	}
}

// The programs know a watched interface until it is taken from them.
func TestWatched(t *testing.T) {
	lab.Require(t)
	objects, err := Load(Options{MaxFlows: flow.MinMaxFlows, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	table, err := NewTable(objects)
	if err != nil {
		t.Fatal(err)
	}
	w := Watched{Position: 3, NoLink: true, OneSide: true}
	if table.Watches(7, w) {
		t.Error("it is known before")
	}
	if err := table.Watch(7, w); err != nil || !table.Watches(7, w) {
		t.Errorf("it is not known, error %v", err)
	}
	for _, other := range []Watched{{}, {Position: 4, NoLink: true, OneSide: true}, {Position: 3, OneSide: true}, {Position: 3, NoLink: true}} {
		if table.Watches(7, other) {
			t.Errorf("it is known as %+v", other)
		}
	}
	for range 2 {
		if err := table.Unwatch(7); err != nil || table.Watches(7, w) {
			t.Errorf("it is still known, error %v", err)
		}
	}
	if objects.XDP() != nil || objects.TC() != nil {
		t.Error("the programs of a wire were loaded, too")
	}
}
