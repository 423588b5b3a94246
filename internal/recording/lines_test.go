package recording

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"ctop/tracker/flow"
)

// fill gives every member of a value one that differs from zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch at := v.Addr().Interface().(type) {
	case *flow.End:
		*at = flow.MustParseEnd("192.0.2.7:1")
		return
	case *time.Time:
		*at = start.Add(time.Duration(*n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(strings.Repeat("n", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*n) / 7)
	case reflect.Int, reflect.Int64:
		v.SetInt(-int64(*n))
	default:
		v.SetUint(uint64(*n))
	}
}

// Every line of flows and events that is written is read the quick way, with every member
// that they have now or later.
func TestQuickReadsAll(t *testing.T) {
	var f flow.Flow
	var e flow.Event
	n := 0
	fill(reflect.ValueOf(&f).Elem(), &n)
	fill(reflect.ValueOf(&e).Elem(), &n)
	for name, l := range map[string]line{"flow": {Flow: &f}, "event": {Event: &e}, "gone": {Gone: 1<<64 - 1}, "empty flow": {Flow: &flow.Flow{}}, "empty event": {Event: &flow.Event{}}} {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var d decoder
		var got, want line
		if !d.quick(text, &got) {
			t.Errorf("%s: encoding/json has to read %s", name, text)
			continue
		}
		if err := json.Unmarshal(text, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v, %v", name, got, want, err)
		}
	}
}

// FuzzLine reads any line as encoding/json does.
func FuzzLine(f *testing.F) {
	for _, text := range []string{
		`{"Gone":7}`, `{"Gone":7,"Flow":{"ID":1}}`, `{"flow":{"ID":1}}`, `{"Flow":{"id":1}}`, `{"Flow":{"ID":1,"Tuple":{"Src":"1.2.3.4:5"},"Tuple":{"Dst":"[::1]:5"}}}`,
		`{"Flow":{"Tuple":{"Src":"192.0.2.7"}}}`, `{"Flow":{"Tuple":{"Dst":"[fe80::1%eth0]:5"}}}`, `{"Event":{"Time":"yesterday"}}`,
		`{"Flow":null}`, `{"Flow":{"Tuple":null,"Holding":{"Process":null}}}`, `{"Flow":{"Origin":{"PPS":1e3,"BPS":0.1}}}`, `{"Flow":{"State":256}}`,
		`{"Flow":{"Holding":{"Process":{"Name":"\u00e9\ud800","Started":"2026-11-23T04:00:00Z"},"Process":{"PID":2}}}}`, ` { "Gone" : 7 } `, `{"Gone":7}x`, `{}`,
		`{"Event":{"Time":"2026-11-23T04:00:00\u005a","Type":1}}`, `{"Event":{"Time":null,"Lost":18446744073709551615,"Age":-5}}`, `{"Event":{"Time":"2026-11-23T04:00:00+01:00"}}`,
	} {
		f.Add([]byte(text))
	}
	for _, l := range []line{{Flow: &flow.Flow{ID: 1, Tuple: tuple(), Holding: flow.Holding{Process: &flow.Process{Name: "a"}}}}, {Event: &flow.Event{Time: start, Tuple: tuple()}}} {
		text, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d decoder
		var got, want line
		err, wrong := d.decode(text, &got), json.Unmarshal(text, &want)
		if (err == nil) != (wrong == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v, %v", text, got, err, want, wrong)
		}
	})
}
