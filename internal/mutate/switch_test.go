package main

import (
	"bytes"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// sites returns the code of a function's one changed line for each mutation that can
// be switched.
func sites(t *testing.T, body string) (all []string) {
	t.Helper()
	source := "package p; import \"time\"\nvar a, b, c = 1, 2, time.Second\nfunc g(int) bool { return false }\nfunc f(p *int) {\n" + body + "\n}\n"
	write(t, map[string]string{"p/p.go": source})
	packages, err := listPackages(t.Context(), ".", []string{"./p"})
	if err != nil {
		t.Fatal(err)
	}
	program, err := loadProgram(t.Context(), ".", packages)
	if err != nil {
		t.Fatal(err)
	}
	x, err := program.parsed(packages[0])
	if err != nil {
		t.Fatal(err)
	}
	found, err := mutations(packages)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		if m.line != 5 {
			continue
		}
		s, switchable := program.siteOf(x, m, 7)
		if !switchable {
			all = append(all, "alone")
			continue
		}
		lines := strings.Split(string(x.render(m.file, []site{s})), "\n")
		all = append(all, lines[4])
	}
	return all
}

func TestSites(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"*p = a + b", "if !mutant_.On(7) { *p = a + b }\n*p = func() int { if mutant_.On(7) { return a - b }; return a + b }()"},
		{"_ = a == b", "if !mutant_.On(7) { _ = a == b }\n_ = (mutant_.On(7) && (a != b) || !mutant_.On(7) && (a == b))"},
		{"if !g(a) {}", "if (mutant_.On(7) && (g(a)) || !mutant_.On(7) && (!g(a))) {}"},
		{"c := c > 5*time.Second; _ = c", "c := (mutant_.On(7) && (c >= 5*time.Second) || !mutant_.On(7) && (c > 5*time.Second)); _ = c\n" +
			"c := (mutant_.On(7) && (c <= 5*time.Second) || !mutant_.On(7) && (c > 5*time.Second)); _ = c\n" +
			"c := c > mutant_.Choose[time.Duration](7, 5*time.Second, 6*time.Second); _ = c\n" +
			"c := c > mutant_.Choose[time.Duration](7, 5*time.Second, 5/time.Second); _ = c\n" +
			"c := c > 5*time.Second; if !mutant_.On(7) { _ = c }"},
		{"g(3)", "if !mutant_.On(7) { g(3) }\ng(mutant_.Choose[int](7, 3, 4))"},
		{"const n = 3", "alone"},
		{"var n [3]int; g(len(n))", "alone\nvar n [3]int; if !mutant_.On(7) { g(len(n)) }"},
		{"for true { break }", "for mutant_.Choose[bool](7, true, false) { break }\nfor true { if !mutant_.On(7) { break } }"},
	} {
		if got := strings.Join(sites(t, c.body), "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.body, got, c.want)
		}
	}
}

// TestSitesContainEachOther renders all mutations of a line at once.
func TestSitesContainEachOther(t *testing.T) {
	source := []byte("package p\nfunc f(a int) { g(a + 1) }")
	x := &parsed{sources: map[string][]byte{"p.go": source}}
	p := &program{files: token.NewFileSet()}
	tree, err := p.parse(&listed{}, "p.go", source)
	if err != nil {
		t.Fatal(err)
	}
	x.trees = map[string]*ast.File{"p.go": tree}
	at := func(text string) (int, int) {
		begin := bytes.Index(source, []byte(text))
		return begin, begin + len(text)
	}
	one := func(number int, part, old, replacement string, form form) site {
		s := site{number: number, form: form, typ: "int"}
		s.old, s.new = old, replacement
		s.from, s.to = at(part)
		s.begin, s.end = at(old)
		return s
	}
	got := string(x.render("p.go", []site{
		one(1, "1", "1", "2", constant), one(2, "a + 1", "+", "-", expression), one(3, "g(a + 1)", "g(a + 1)", "", removal),
		one(4, "1", "1", "0", constant),
	}))
	want := "package p; import mutant_ \"ctop/internal/mutate/mutant\"\nfunc f(a int) { if !mutant_.On(3) { " +
		"g(func() int { if mutant_.On(2) { return a - 1 }; return a + mutant_.Choose[int](1, mutant_.Choose[int](4, 1, 0), 2) }()) } }"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestVetRefuses(t *testing.T) {
	for _, c := range []struct {
		condition string
		refused   bool
	}{
		{"a == 1 && a == 2", true},
		{"a == 1 && b == 2", false},
		{"a != 1 || a != 2", true},
		{"a != 1 && a != 2", false},
		{"a == 1 || a == 2", false},
		{"(1 == a) && (b == 3 && a == 2)", true},
		{"a == 1 && a == 1", false},
		{"g(1) == true && g(1) == false", false},
		{"a == b && a == 2", false},
	} {
		write(t, map[string]string{"p/p.go": "package p\n\nvar a, b int\n\nfunc g(int) bool\n\nvar V = " + c.condition + "\n"})
		packages, err := listPackages(t.Context(), ".", []string{"./p"})
		if err != nil {
			t.Fatal(err)
		}
		program, err := loadProgram(t.Context(), ".", nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := program.parsed(packages[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := program.compiles(x, x.sources); (err != nil) != c.refused {
			t.Errorf("%s: error %v", c.condition, err)
		}
	}
}
