package ipfix

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ctop/tracker/flow"
)

// TestElementsAreDocumented looks for ctop's elements, states and reasons in the docs.
func TestElementsAreDocumented(t *testing.T) {
	file, err := os.ReadFile("../../docs/ipfix.md")
	if err != nil {
		t.Fatal(err)
	}
	docs := string(file)
	types := map[uint8]string{unsigned8: "unsigned8", unsigned16: "unsigned16", unsigned32: "unsigned32", text: "string"}
	var all []element
	for _, t := range newTemplates(true, true) {
		all = append(all, t.elements...)
	}
	for _, e := range all {
		if e.enterprise != Enterprise || e.id&reverseBit != 0 {
			continue
		}
		alone := fmt.Sprintf("| %s | %d | %s |", e.name, e.id, types[e.kind.dataType])
		both := fmt.Sprintf("| %s | %d, %#x | %s |", e.name, e.id, e.id|reverseBit, types[e.kind.dataType])
		if !strings.Contains(docs, alone) && !strings.Contains(docs, both) {
			t.Errorf("docs/ipfix.md lacks %s", alone)
		}
	}
	for _, s := range flow.States() {
		if want := fmt.Sprintf("%d `%s`", s, s); !strings.Contains(docs, want) {
			t.Errorf("docs/ipfix.md lacks %s", want)
		}
	}
	for _, r := range flow.Reasons() {
		if want := fmt.Sprintf("%d `%s`", r, r); !strings.Contains(docs, want) {
			t.Errorf("docs/ipfix.md lacks %s", want)
		}
	}
}
