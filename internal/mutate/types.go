package main

import (
	"context"
	_ "embed"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// mutantPath is the package that switches the mutations.
const mutantPath = module + "/internal/mutate/mutant"

// mutantImports are what it imports.
var mutantImports = []string{"os", "path/filepath", "strconv", "strings", "sync"}

//go:embed mutant/mutant.go
var mutantSource []byte

// program has the types of the packages that are mutated.
type program struct {
	files    *token.FileSet
	exports  map[string]string
	compiled types.Importer
	mutant   *types.Package
	packages map[string]*parsed
}

// parsed is a package's source files with their types.
type parsed struct {
	*listed
	sources map[string][]byte
	trees   map[string]*ast.File
	info    *types.Info
	types   *types.Package
}

// loadProgram builds the packages' dependencies and prepares to check types.
func loadProgram(ctx context.Context, dir string, packages []*listed) (*program, error) {
	p := &program{files: token.NewFileSet(), exports: map[string]string{}, packages: map[string]*parsed{}}
	arguments := []string{"-export", "-deps", "-trimpath"}
	for _, l := range packages {
		arguments = append(arguments, l.ImportPath)
	}
	all, err := listPackages(ctx, dir, append(arguments, mutantImports...))
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		p.exports[l.ImportPath] = l.Export
	}
	p.compiled = importer.ForCompiler(p.files, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(p.exports[path])
	})
	tree, err := parser.ParseFile(p.files, "mutant.go", mutantSource, 0)
	if err != nil {
		return nil, err
	}
	p.mutant, err = p.config().Check(mutantPath, p.files, []*ast.File{tree}, nil)
	return p, err
}

// Import makes a program an importer of compiled packages and of that which switches
// mutations.
func (p *program) Import(path string) (*types.Package, error) {
	if path == mutantPath && p.mutant != nil {
		return p.mutant, nil
	}
	return p.compiled.Import(path)
}

func (p *program) config() *types.Config {
	return &types.Config{Importer: p, Sizes: types.SizesFor("gc", runtime.GOARCH)}
}

// parsed returns the types of an unchanged package.
func (p *program) parsed(l *listed) (*parsed, error) {
	if known := p.packages[l.ImportPath]; known != nil {
		return known, nil
	}
	x := &parsed{listed: l, sources: map[string][]byte{}, trees: map[string]*ast.File{}}
	for _, name := range l.GoFiles {
		source, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		x.sources[name] = source
		if x.trees[name], err = p.parse(l, name, source); err != nil {
			return nil, err
		}
	}
	var err error
	if x.types, x.info, err = p.check(l.ImportPath, x.trees); err != nil {
		return nil, fmt.Errorf("check the types of %s: %w", l.ImportPath, err)
	}
	p.packages[l.ImportPath] = x
	return x, nil
}

func (p *program) parse(x *listed, name string, source []byte) (*ast.File, error) {
	return parser.ParseFile(p.files, x.ImportPath+"/"+name, source, parser.SkipObjectResolution)
}

// check checks the types of a package.
func (p *program) check(path string, trees map[string]*ast.File) (*types.Package, *types.Info, error) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		files = append(files, trees[name])
	}
	checked, err := p.config().Check(path, p.files, files, info)
	return checked, info, err
}

// compiles returns an error if a package does not compile with these sources in
// place of its own, or if go test's vet refuses it.
func (p *program) compiles(x *parsed, sources map[string][]byte) error {
	trees := map[string]*ast.File{}
	for name, tree := range x.trees {
		trees[name] = tree
	}
	for name, source := range sources {
		tree, err := p.parse(x.listed, name, source)
		if err != nil {
			return err
		}
		trees[name] = tree
	}
	_, info, err := p.check(x.ImportPath, trees)
	if err != nil {
		return err
	}
	for name := range sources {
		if text := suspect(trees[name], info); text != "" {
			return fmt.Errorf("vet refuses it: %s", text)
		}
	}
	return nil
}

// refused are the comparisons that vet refuses to combine: x == 1 && x == 2 is never
// true, and x != 1 || x != 2 always.
var refused = map[token.Token]token.Token{token.LAND: token.EQL, token.LOR: token.NEQ}

// suspect returns a condition that vet refuses, empty if there is none.
func suspect(tree *ast.File, info *types.Info) (found string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		if both, ok := n.(*ast.BinaryExpr); ok && contradicts(both, info) {
			found = types.ExprString(both)
		}
		return true
	})
	return found
}

// contradicts reports whether a condition compares the same with two constants in vain.
func contradicts(both *ast.BinaryExpr, info *types.Info) bool {
	compared, combines := refused[both.Op]
	if !combines {
		return false
	}
	seen := map[string]string{}
	for _, term := range terms(both, both.Op) {
		value, constant := comparison(term, compared, info)
		if value != "" && seen[value] != "" && seen[value] != constant {
			return true
		}
		seen[value] = constant
	}
	return false
}

// terms returns what an operator combines.
func terms(x ast.Expr, op token.Token) []ast.Expr {
	if both, ok := ast.Unparen(x).(*ast.BinaryExpr); ok && both.Op == op {
		return slices.Concat(terms(both.X, op), terms(both.Y, op))
	}
	return []ast.Expr{ast.Unparen(x)}
}

// comparison returns the text of a value without side effects and the constant that it
// is compared with.
func comparison(x ast.Expr, op token.Token, info *types.Info) (value, constant string) {
	both, ok := x.(*ast.BinaryExpr)
	if !ok || both.Op != op {
		return "", ""
	}
	left, right := both.X, both.Y
	if info.Types[left].Value != nil {
		left, right = right, left
	}
	if info.Types[right].Value == nil || calls(left, info) {
		return "", ""
	}
	return types.ExprString(left), info.Types[right].Value.ExactString()
}

// calls reports whether an expression calls a function.
func calls(x ast.Expr, info *types.Info) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && !info.Types[call.Fun].IsType()
		return true
	})
	return found
}
