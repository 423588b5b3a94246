package jsontext_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"ctop/internal/jsontext"
)

// value reads a value of any type as encoding/json does.
func value(r *jsontext.Reader, text string) any {
	switch text = strings.TrimLeft(text, " \n\t\r"); {
	case strings.HasPrefix(text, `"`):
		return string(r.String())
	case strings.HasPrefix(text, "t"), strings.HasPrefix(text, "f"):
		return r.Bool()
	case strings.HasPrefix(text, "n"), strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		r.Skip()
		return nil
	}
	return r.Float()
}

func checkSame(t *testing.T, text string) {
	t.Helper()
	var r jsontext.Reader
	r.Reset([]byte(text))
	got := value(&r, text)
	var want any
	wrong := json.Unmarshal([]byte(text), &want)
	switch want.(type) {
	case map[string]any, []any:
		want = nil
	}
	err := r.End()
	if (err == nil) != (wrong == nil) && strings.Count(text, "[")+strings.Count(text, "{") < 300 {
		t.Errorf("%q: error %v, want %v", text, err, wrong)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q is %#v, want %#v", text, got, want)
	}
	checkInts(t, text)
	r.Reset([]byte(text))
	r.Skip()
	if err := r.End(); err == nil && !json.Valid([]byte(text)) {
		t.Errorf("%q was skipped", text)
	}
}

func checkInts(t *testing.T, text string) {
	t.Helper()
	var r jsontext.Reader
	for _, bits := range []int{8, 16, 32, 64} {
		most := uint64(math.MaxUint64) >> (64 - bits)
		r.Reset([]byte(text))
		got := r.Uint(most)
		want, wrong := uint64(0), error(nil)
		if wrong = json.Unmarshal([]byte(text), &want); wrong == nil && want > most {
			wrong = strconv.ErrRange
		}
		if strings.TrimSpace(text) == "null" {
			continue // encoding/json leaves the number as it is
		}
		if err := r.End(); (err == nil) != (wrong == nil) || err == nil && got != want {
			t.Errorf("%q is %d, %v, want %d, %v", text, got, err, want, wrong)
		}
	}
	var want int64
	wrong := json.Unmarshal([]byte(text), &want)
	r.Reset([]byte(text))
	got := r.Int()
	if err := r.End(); strings.TrimSpace(text) != "null" && ((err == nil) != (wrong == nil) || err == nil && got != want) {
		t.Errorf("%q is %d, %v, want %d, %v", text, got, err, want, wrong)
	}
}

var texts = []string{
	"", " ", "x", "true", "false", "null", "tru", "falsee", "nul", `""`, `"a"`, `"a`, `"\n\u00e9é\"\\"`, `"\x"`, "\"\x01\"", "\"\xff\"", `"\ud800"`, `"\`, `"\"`,
	"0", "-0", "00", "01", "-", "-1", "+1", "1.", ".5", "1.5", "-1.5e3", "1e", "1e+", "1E-2", "1e400", "0.1", "3.3", "12345678.87654321", "9007199254740991", "9007199254740993",
	"9007199254740993.5", "90071992547409.93", "900719925474099.3", "0.9007199254740993", "0.12345678901234567890123456789", "123456789012345678901234567890", "255", "256", "65535", "65536", "4294967295", "4294967296",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1 2", "1,",
	"{}", "{ }", `{"a":1}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" : [1, 2,{"b":null}] , "c":"}"}`, "[]", "[1]", "[1,]", "[,1]", "[1 2]", "[1,2]]", "[1}", "{]",
	`{1:2}`, `[[[]]]`, "[\"a\tb\"]", `[true,false,null,-1.5E+3]`,
}

// What is read is what encoding/json reads.
func TestSame(t *testing.T) {
	for _, text := range texts {
		checkSame(t, text)
		checkSame(t, " \n\t\r"+text+" \r\n\t")
	}
}

func FuzzReader(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(checkSame)
}

// An object is read member by member, and what nobody knows is skipped.
func TestObject(t *testing.T) {
	var r jsontext.Reader
	r.Reset([]byte(`{"name": "a", "unknown": {"n": [1, {}]}, "list": [1, 2], "none": {}, "last": true}`))
	r.Object()
	got := map[string]any{}
	for name, ok := r.Member(); ok; name, ok = r.Member() {
		switch string(name) {
		case "name":
			got["name"] = string(r.String())
		case "list":
			sum := uint64(0)
			for r.List(); r.Element(); {
				sum += r.Uint(2)
			}
			got["list"] = sum
		case "none":
			r.Object()
			if _, ok := r.Member(); ok {
				t.Error("an empty object has a member")
			}
		case "last":
			got["last"] = r.Bool()
		default:
			r.Skip()
		}
	}
	want := map[string]any{"name": "a", "list": uint64(3), "last": true}
	if err := r.End(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// Values of another type than the wanted one are errors, and nothing is read after one.
func TestErrors(t *testing.T) {
	for text, read := range map[string]func(*jsontext.Reader){
		`1 `: func(r *jsontext.Reader) { r.String() }, `"1"`: func(r *jsontext.Reader) { r.Uint(9) }, `{}`: func(r *jsontext.Reader) { r.List() },
		`[]`: func(r *jsontext.Reader) { r.Object() }, `true`: func(r *jsontext.Reader) { r.Float() }, `null`: func(r *jsontext.Reader) { r.Bool() },
		`1.0`: func(r *jsontext.Reader) { r.Int() }, `-1`: func(r *jsontext.Reader) { r.Uint(9) },
		strings.Repeat("[", 400) + strings.Repeat("]", 400): func(r *jsontext.Reader) { r.Skip() },
	} {
		var r jsontext.Reader
		r.Reset([]byte(text))
		read(&r)
		first := r.Err()
		r.Skip()
		if n := r.Uint(9); first == nil || !errors.Is(r.Err(), first) || !errors.Is(r.End(), first) || n != 0 {
			t.Errorf("%.20q: error %v, then %v", text, first, r.End())
		}
	}
}

// TestManyPlaces reads numbers with as many places as there are exact powers, and more.
func TestManyPlaces(t *testing.T) {
	for places := range 60 {
		text := "0." + strings.Repeat("0", places) + "1"
		want, _ := strconv.ParseFloat(text, 64)
		var r jsontext.Reader
		r.Reset([]byte(text))
		if got := r.Float(); got != want {
			t.Errorf("%s is %v", text, got)
		}
	}
}

// Only what has to be read otherwise is: a space is as it is written, a byte of no
// character is not.
func TestPlainStrings(t *testing.T) {
	var r jsontext.Reader
	text := []byte(`"a b~"`)
	if n := testing.AllocsPerRun(10, func() { r.Reset(text); r.String() }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	checkSame(t, "\"\x80\"")
	checkSame(t, "\"\x7f\"")
}
