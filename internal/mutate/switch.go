package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// form is how the code of a site chooses between the original and the mutated code.
type form int

const (
	removal    form = iota // if off { original }
	statement              // if on { mutated } else { original }
	boolean                // on && mutated || off && original
	constant               // Choose(original, mutated)
	expression             // func() T { if on { return mutated }; return original }()
)

// site is where a mutation is switched: the code that replaces [from, to) of the file
// contains both versions.
type site struct {
	mutation
	number   int
	from, to int
	form     form
	typ      string
}

// siteOf returns where a mutation can be switched. There may be no such place, since some
// constants must be constant, and some types have no name in a file.
func (p *program) siteOf(x *parsed, m mutation, number int) (site, bool) {
	for _, s := range p.candidates(x, m) {
		s.mutation, s.number = m, number
		source := x.render(m.file, []site{s})
		if p.compiles(x, map[string][]byte{m.file: source}) == nil {
			return s, true
		}
	}
	return site{}, false
}

// candidates returns possible sites of a mutation, from the inside out.
func (p *program) candidates(x *parsed, m mutation) (all []site) {
	tree := x.trees[m.file]
	offset := func(at token.Pos) int { return p.files.Position(at).Offset }
	var path []ast.Node
	ast.PreorderStack(tree, nil, func(n ast.Node, stack []ast.Node) bool {
		if path == nil && m.isOf(n, offset) {
			path = append(slices.Clone(stack), n)
		}
		return path == nil
	})
	slices.Reverse(path)
	for len(path) > 1 && isConstant(path[1], x.info) {
		path = path[1:]
	}
	for i, n := range path {
		s := site{from: offset(n.Pos()), to: offset(n.End())}
		switch n := n.(type) {
		case *ast.FuncLit:
			return all
		case ast.Expr:
			if !s.value(n, x, tree) {
				continue
			}
		case *ast.AssignStmt, *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.BranchStmt, *ast.DeferStmt, *ast.ReturnStmt:
			s.form = statement
			if i == 0 {
				s.form = removal
			}
			return append(all, s)
		case ast.Stmt, ast.Decl:
			return all
		default:
			continue
		}
		all = append(all, s)
	}
	return all
}

// isOf reports whether a node is what a mutation changes: a statement that it
// removes, the operator's expression, or the constant.
func (m mutation) isOf(n ast.Node, offset func(token.Pos) int) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return offset(n.OpPos) == m.begin
	case *ast.UnaryExpr:
		return n.Op == token.NOT && m.old == "!" && offset(n.OpPos) == m.begin
	case *ast.BasicLit, *ast.Ident:
		return m.new != "" && offset(n.Pos()) == m.begin && offset(n.End()) == m.end
	case ast.Stmt:
		return m.new == "" && m.old != "!" && offset(n.Pos()) == m.begin && offset(n.End()) == m.end
	}
	return false
}

func isConstant(n ast.Node, info *types.Info) bool {
	x, ok := n.(ast.Expr)
	return ok && info.Types[x].Value != nil
}

// value sets the form for an expression that is a value of a type with a name in the
// file.
func (s *site) value(n ast.Expr, x *parsed, tree *ast.File) bool {
	found := x.info.Types[n]
	if !found.IsValue() {
		return false
	}
	typ := types.Default(found.Type)
	switch {
	case found.Value != nil:
		s.form = constant
	case typ == types.Typ[types.Bool]:
		s.form = boolean
	default:
		s.form = expression
	}
	var named bool
	s.typ, named = nameOf(typ, x.types, tree)
	return named
}

// nameOf returns what a file calls a type.
func nameOf(typ types.Type, own *types.Package, tree *ast.File) (name string, named bool) {
	if _, several := typ.(*types.Tuple); several {
		return "", false
	}
	named = true
	name = types.TypeString(typ, func(p *types.Package) string {
		if p == own {
			return ""
		}
		for _, spec := range tree.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path != p.Path() {
				continue
			}
			if spec.Name != nil {
				return spec.Name.Name
			}
			return p.Name()
		}
		named = false
		return p.Name()
	})
	return name, named
}

// render returns a file in which sites switch their mutations. It has as many lines
// as the original.
func (x *parsed) render(file string, sites []site) []byte {
	sites = slices.Clone(sites)
	slices.SortStableFunc(sites, func(a, b site) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(a.rank(), b.rank()))
	})
	source := x.sources[file]
	name := x.trees[file].Name
	at := int(name.End() - x.trees[file].FileStart)
	r := renderer{source: source, sites: sites}
	return fmt.Appendf(nil, "%s; import mutant_ %q%s", source[:at], mutantPath, r.span(at, len(source)))
}

// rank puts statements around what they consist of.
func (s site) rank() int {
	if s.form == removal || s.form == statement {
		return 0
	}
	return 1
}

// renderer replaces sites, which contain each other or are apart, and are sorted.
type renderer struct {
	source []byte
	sites  []site
}

// span renders [from, to) with the next sites as far as they are inside.
func (r *renderer) span(from, to int) string {
	var out strings.Builder
	for len(r.sites) > 0 && r.sites[0].to <= to {
		first := r.sites[0]
		out.Write(r.source[from:first.from])
		out.WriteString(r.site())
		from = first.to
	}
	out.Write(r.source[from:to])
	return out.String()
}

// site renders the next site, and those inside it.
func (r *renderer) site() string {
	s := r.sites[0]
	r.sites = r.sites[1:]
	var inner string
	if len(r.sites) > 0 && r.sites[0].from == s.from && r.sites[0].to == s.to {
		inner = r.site()
	} else {
		inner = r.span(s.from, s.to)
	}
	mutated := string(r.source[s.from:s.begin]) + s.new + string(r.source[s.end:s.to])
	return s.choose(inner, mutated)
}

func (s site) choose(original, mutated string) string {
	switch s.form {
	case removal:
		return fmt.Sprintf("if !mutant_.On(%d) { %s }", s.number, original)
	case statement:
		return fmt.Sprintf("if mutant_.On(%d) { %s } else { %s }", s.number, mutated, original)
	case boolean:
		return fmt.Sprintf("(mutant_.On(%d) && (%s) || !mutant_.On(%d) && (%s))", s.number, mutated, s.number, original)
	case constant:
		return fmt.Sprintf("mutant_.Choose[%s](%d, %s, %s)", s.typ, s.number, original, mutated)
	}
	return fmt.Sprintf("func() %s { if mutant_.On(%d) { return %s }; return %s }()", s.typ, s.number, mutated, original)
}
