package page_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ctop/internal/format"
	"ctop/ui/internal/fake"
	"ctop/ui/page"
)

// Page says how old the flows on the screen are.
type Page struct {
	page.Base
	frame *page.Frame
}

func New(f *page.Frame) *Page { return &Page{frame: f} }

func (p *Page) Lines() []string {
	return []string{" read " + format.Age(p.frame.Since()) + " ago"}
}

func (p *Page) Hints() []page.Hint { return []page.Hint{p.frame.PauseHint()} }

func Example() {
	f := fake.NewFrame(fake.Flows(3)...)
	f.SetTabs(page.Tab{Title: "Age", Page: New(f.Frame)})
	f.Now = f.Now.Add(5 * time.Second)
	fmt.Println(f.Front().Lines()[0])
	// Output: read 5s ago
}

// CONTRIBUTING.md shows the page of this file.
func TestContributingShowsThePage(t *testing.T) {
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(file), "// Page says")
	code, _, _ = strings.Cut(code, "\nfunc Example")
	code = "// Page says" + code
	if !strings.Contains(strings.ReplaceAll(string(text), "\n  ", "\n"), code) {
		t.Errorf("CONTRIBUTING.md does not show\n%s", code)
	}
}
