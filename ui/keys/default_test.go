package keys

import (
	"reflect"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/key"
)

// The keys that the manual promises, by the fields of the map.
const promised = `
Up up k|Down down j|PageUp pgup ctrl+b|PageDown pgdown ctrl+f|Top g home|Bottom G end
NextView tab|PreviousView shift+tab
Enter enter|Back esc|Filter / f3 f4|Sick !|Complete tab|Like f|Sort s f6|Reverse S
Pause p|Rates r|Names n|Columns c|Copy y|Export e|SetMark m|Compare M|Views v|SaveView V
Mark SPACE|Delete d f9|DeleteAll D|Reset x|Longer + =|Shorter -|Pin P|Default 0|Capture w|CaptureAll W
Earlier [|Later ]|MuchEarlier {|MuchLater }|Present end|Slower <|Faster >
Yes y Y|No n N esc enter q f10|Left left h|Right right l|DefaultSort 0
Help ? f1|Quit q f10|Interrupt ctrl+c|Suspend ctrl+z|Redraw ctrl+l
Stop s S|Keep k K|Stay esc q f10 enter n N`

func TestDefault(t *testing.T) {
	want := map[string]string{}
	for one := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(promised), "\n", "|"), "|") {
		name, list, _ := strings.Cut(one, " ")
		want[name] = strings.ReplaceAll(list, "SPACE", " ")
	}
	k := reflect.ValueOf(*Default())
	if k.NumField() != len(want) {
		t.Errorf("%d keys, not %d", k.NumField(), len(want))
	}
	for i := range k.NumField() {
		name := k.Type().Field(i).Name
		b := k.Field(i).Interface().(key.Binding)
		if got := strings.Join(b.Keys(), " "); got != want[name] || !b.Enabled() || b.Help().Key == "" || b.Help().Desc == "" {
			t.Errorf("%s: %q, %+v", name, got, b.Help())
		}
	}
}
