package flow

import (
	"reflect"
	"testing"
)

// Every counter is added, each to itself: fields that are new, too.
func TestCountersPlus(t *testing.T) {
	var a, b Counters
	n := uint64(0)
	each(reflect.ValueOf(&a).Elem(), func(v reflect.Value) { n++; v.SetUint(n) })
	each(reflect.ValueOf(&b).Elem(), func(v reflect.Value) { n++; v.SetUint(1000 * n) })
	var want []uint64
	each(reflect.ValueOf(&a).Elem(), func(v reflect.Value) { want = append(want, v.Uint()) })
	i := 0
	each(reflect.ValueOf(&b).Elem(), func(v reflect.Value) { want[i] += v.Uint(); i++ })
	sum := a.Plus(b)
	i = 0
	each(reflect.ValueOf(&sum).Elem(), func(v reflect.Value) {
		if v.Uint() != want[i] {
			t.Errorf("counter %d is %d, not %d", i, v.Uint(), want[i])
		}
		i++
	})
}

func each(v reflect.Value, do func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), do)
		}
	case reflect.Array:
		for i := range v.Len() {
			each(v.Index(i), do)
		}
	default:
		do(v)
	}
}
