package flow

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"unsafe"
)

// An end is in every text what the standard library makes of its address and port.
func TestEnd(t *testing.T) {
	for _, text := range []string{
		"10.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[2001:db8::1]:443", "[::ffff:10.0.0.1]:80",
	} {
		want, end := netip.MustParseAddrPort(text), MustParseEnd(text)
		if end.Addr() != want.Addr() || end.Port() != want.Port() || end.String() != text || string(end.AppendTo(nil)) != text {
			t.Errorf("%s is %s, %s, %d", text, end, end.Addr(), end.Port())
		}
		var back End
		written, err := end.MarshalText()
		if err != nil || back.UnmarshalText(written) != nil || back != end {
			t.Errorf("%s comes back as %s, %v", text, back, err)
		}
	}
	if MustParseEnd("[::ffff:10.0.0.1]:80") == MustParseEnd("10.0.0.1:80") {
		t.Error("an IPv6 end is equal to an IPv4 end")
	}
	var none, back End
	if none.Addr().IsValid() || none != EndFrom(netip.Addr{}, 0) {
		t.Errorf("the zero end has an address: %s", none)
	}
	if text, err := none.MarshalText(); err != nil || back.UnmarshalText(text) != nil || back != none {
		t.Errorf("the zero end comes back as %s, %v", back, err)
	}
	for _, text := range []string{"10.0.0.1", "x:1", "[fe80::1%eth0]:1", "[::1%\x1b[2J]:5"} {
		if back.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is an end", text)
		}
	}
}

// A flow takes few bytes, and the garbage collector finds nothing in it but a process
// and a name: there may be millions.
func TestFlowIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n > 240 {
		t.Errorf("a flow takes %d bytes", n)
	}
	if found := pointersIn(reflect.TypeFor[Flow]()); !slices.Equal(found, []string{"*flow.Process", "*flow.ServerName"}) {
		t.Errorf("a flow contains pointers: %v", found)
	}
}

// pointersIn returns the pointers in values of a type.
func pointersIn(of reflect.Type) (found []string) {
	switch of.Kind() {
	case reflect.Struct:
		for i := range of.NumField() {
			found = append(found, pointersIn(of.Field(i).Type)...)
		}
	case reflect.Array:
		found = pointersIn(of.Elem())
	case reflect.Pointer, reflect.String, reflect.Slice, reflect.Map, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		found = []string{of.String()}
	}
	return found
}
