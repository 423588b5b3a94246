package capture

import (
	"encoding/binary"
	"testing"
)

// Of the options of an interface only its name and its times are taken, in their full lengths.
func TestOptionsOfInterfaces(t *testing.T) {
	order := binary.LittleEndian
	option := func(code uint16, value ...byte) []byte {
		b := order.AppendUint16(order.AppendUint16(nil, code), uint16(len(value)))
		b = append(b, value...)
		return append(b, make([]byte, -len(value)&3)...)
	}
	seven := []byte{7, 0, 0, 0, 0, 0, 0, 0}
	for what, c := range map[string]struct {
		options    []byte
		name       string
		offset     int64
		resolution byte
	}{
		"none":              {nil, "", 0, defaultTimeResolution},
		"all":               {append(append(option(optionName, 'e', 't', 'h'), option(optionTimeResolution, 9)...), option(optionTimeOffset, seven...)...), "eth", 7, 9},
		"a short offset":    {option(optionTimeOffset, seven[:7]...), "", 0, defaultTimeResolution},
		"a long offset":     {option(optionTimeOffset, 7, 0, 0, 0, 0, 0, 0, 0, 1), "", 7, defaultTimeResolution},
		"no resolution":     {option(optionTimeResolution), "", 0, defaultTimeResolution},
		"another option":    {option(3, seven...), "", 0, defaultTimeResolution},
		"behind the end":    {append(option(optionEnd), option(optionName, 'x')...), "", 0, defaultTimeResolution},
		"behind a long one": {append(option(3, 1, 2, 3, 4, 5), option(optionName, 'x')...), "x", 0, defaultTimeResolution},
		"cut off":           {option(optionName, 'e', 't', 'h')[:6], "", 0, defaultTimeResolution},
	} {
		p := &pcapngFile{order: order}
		if err := p.addInterface(append([]byte{1, 0, 0, 0, 0, 0, 4, 0}, c.options...)); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if i := p.ifaces[0]; i.name != c.name || i.offset != c.offset || i.resolution != c.resolution || i.link != 1 || i.snap != 1<<18 {
			t.Errorf("%s: %+v", what, i)
		}
	}
	if (&pcapngFile{order: order}).addInterface(make([]byte, 7)) == nil {
		t.Error("a description of seven bytes is one")
	}
}
