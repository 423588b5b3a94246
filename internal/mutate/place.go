package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// mutation replaces the bytes [begin, end) of a file.
type mutation struct {
	pkg        *listed
	file       string
	line       int
	begin, end int
	old, new   string
}

func (m mutation) String() string {
	if m.new == "" {
		return fmt.Sprintf("%s/%s:%d: remove %s", m.pkg.ImportPath, m.file, m.line, shorten(m.old))
	}
	return fmt.Sprintf("%s/%s:%d: %s becomes %s", m.pkg.ImportPath, m.file, m.line, m.old, m.new)
}

// shorten returns the first line of a statement.
func shorten(s string) string {
	for i, c := range s {
		if c == '\n' || i > 60 {
			return s[:i] + " ..."
		}
	}
	return s
}

// apply returns the mutated source.
func (m mutation) apply(source []byte) []byte {
	return slices.Concat(source[:m.begin], []byte(m.new), source[m.end:])
}

// exchanges maps each operator to its replacements.
var exchanges = map[token.Token][]token.Token{
	token.EQL:     {token.NEQ},
	token.NEQ:     {token.EQL},
	token.LSS:     {token.LEQ, token.GEQ},
	token.LEQ:     {token.LSS, token.GTR},
	token.GTR:     {token.GEQ, token.LEQ},
	token.GEQ:     {token.GTR, token.LSS},
	token.LAND:    {token.LOR},
	token.LOR:     {token.LAND},
	token.ADD:     {token.SUB},
	token.SUB:     {token.ADD},
	token.MUL:     {token.QUO},
	token.QUO:     {token.MUL},
	token.REM:     {token.MUL},
	token.AND:     {token.OR},
	token.OR:      {token.AND},
	token.AND_NOT: {token.AND},
	token.SHL:     {token.SHR},
	token.SHR:     {token.SHL},
}

// mutations returns all places of the packages that can be mutated.
func mutations(packages []*listed) (all []mutation, err error) {
	for _, p := range packages {
		for _, name := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			found, err := inFile(source)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(p.Dir, name), err)
			}
			for i := range found {
				found[i].pkg, found[i].file = p, name
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// finder collects the places in one file.
type finder struct {
	files  *token.FileSet
	source []byte
	found  []mutation
}

// inFile returns the places in a source file in order. A generated file has
// none.
func inFile(source []byte) ([]mutation, error) {
	f := &finder{files: token.NewFileSet(), source: source}
	tree, err := parser.ParseFile(f.files, "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || ast.IsGenerated(tree) {
		return nil, err
	}
	ast.Inspect(tree, f.visit)
	slices.SortStableFunc(f.found, func(a, b mutation) int { return cmp.Compare(a.begin, b.begin) })
	return f.found, nil
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.BinaryExpr:
		for _, to := range exchanges[n.Op] {
			f.add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String())
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.add(n.OpPos, n.OpPos+1, "")
		}
	case *ast.BasicLit:
		if number, err := strconv.ParseInt(n.Value, 0, 64); n.Kind == token.INT && err == nil {
			f.add(n.Pos(), n.End(), strconv.FormatInt(number+1, 10))
		}
	case *ast.Ident:
		switch n.Name {
		case "true":
			f.add(n.Pos(), n.End(), "false")
		case "false":
			f.add(n.Pos(), n.End(), "true")
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
	return true
}

// statements adds the removal of each statement that can be removed alone.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.BranchStmt, *ast.DeferStmt:
		default:
			continue
		}
		f.add(s.Pos(), s.End(), "")
	}
}

func (f *finder) add(begin, end token.Pos, replacement string) {
	at, to := f.files.Position(begin), f.files.Position(end)
	f.found = append(f.found, mutation{
		line: at.Line, begin: at.Offset, end: to.Offset,
		old: string(f.source[at.Offset:to.Offset]), new: replacement,
	})
}
