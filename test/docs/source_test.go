package docs

import (
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section gives the text below a heading, up to the next one of the same level.
func section(t *testing.T, doc, heading string) string {
	t.Helper()
	level := heading[:strings.Index(heading, " ")+1]
	_, text, found := strings.Cut(doc, "\n"+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n"+level)
	return text
}

// rows gives the cells of the tables in text, less their headings, without backquotes.
func rows(text string) [][]string {
	var out [][]string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		heading := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || heading {
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, "`", "")))
		}
		out = append(out, cells)
	}
	return out
}

func column(rows [][]string, n int) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[n])
	}
	return out
}

// source is what package wire declares.
type source struct {
	consts  map[string]map[string]string // type → name → value, for string constants
	structs map[string]map[string]string // struct → JSON name → type as the page says it
	// comments are those of the operations: "Peek → PeekReply; the text comes out. Viewer."
	comments map[string]string
}

// bodiesIn gives the bodies that text names.
func (s *source) bodiesIn(text string) []string {
	named := map[string]bool{}
	for _, word := range regexp.MustCompile(`\w+`).FindAllString(text, -1) {
		if s.structs[word] != nil && word != "Error" {
			named[word] = true
		}
	}
	return slices.Collect(maps.Keys(named))
}

func wireSource(t *testing.T) source {
	t.Helper()
	s := source{consts: map[string]map[string]string{}, structs: map[string]map[string]string{}, comments: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(root, "agentd/wire/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source: %v", err)
	}
	declared := map[string]*ast.StructType{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if ok {
				if st, ok := spec.Type.(*ast.StructType); ok {
					declared[spec.Name.Name] = st
				}
			}
			if v, ok := n.(*ast.ValueSpec); ok {
				s.addConst(v)
			}
			return true
		})
	}
	for name := range declared {
		s.structs[name] = fields(t, declared, name)
	}
	return s
}

func (s *source) addConst(v *ast.ValueSpec) {
	kind, ok := v.Type.(*ast.Ident)
	if !ok || len(v.Values) != 1 {
		return
	}
	if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		value, err := strconv.Unquote(lit.Value)
		if err != nil {
			panic(err) // the parser took it
		}
		if s.consts[kind.Name] == nil {
			s.consts[kind.Name] = map[string]string{}
		}
		s.consts[kind.Name][v.Names[0].Name] = value
		if kind.Name == "Op" {
			s.comments[value] = v.Doc.Text()
		}
	}
}

// fields gives a struct's JSON fields, those of embedded structs as one "all of".
func fields(t *testing.T, declared map[string]*ast.StructType, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range declared[name].Fields.List {
		kind := typeName(t, f.Type)
		if len(f.Names) == 0 {
			out["all of "+kind] = ""
			continue
		}
		if f.Tag == nil {
			t.Fatalf("%s.%s has no JSON name", name, f.Names[0])
		}
		out[tagName.FindStringSubmatch(f.Tag.Value)[1]] = kind
	}
	return out
}

// typeName gives a Go type in the page's words.
func typeName(t *testing.T, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "int", "int64", "uint64", "uint32":
			return "integer"
		case "bool":
			return "boolean"
		case "State", "Op", "Kind", "Code":
			return "string"
		}
		return e.Name
	case *ast.StarExpr:
		return typeName(t, e.X)
	case *ast.ArrayType:
		return listOf(typeName(t, e.Elt), "list")
	case *ast.MapType:
		return listOf(typeName(t, e.Value), "map")
	case *ast.SelectorExpr:
		switch e.Sel.Name {
		case "Time":
			return "time"
		case "RawMessage":
			return "any"
		}
	}
	t.Fatalf("no word for a %T", e)
	return ""
}

func listOf(element, what string) string {
	if element == "string" {
		return what + " of strings"
	}
	return what + " of " + element
}

func same(t *testing.T, what string, page, code []string) {
	t.Helper()
	page, code = slices.Sorted(slices.Values(page)), slices.Sorted(slices.Values(code))
	if !slices.Equal(page, code) {
		t.Errorf("%s: the page has\n%q\nthe source has\n%q", what, page, code)
	}
}

func numbers(ns ...int) []string {
	var out []string
	for _, n := range ns {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

// dispatch reads agentd's own table of operations and their roles.
func dispatch(t *testing.T, code source) map[string]string {
	t.Helper()
	roles := map[string]string{}
	for _, m := range regexp.MustCompile(`wire\.(Op\w+):\s*\{(\w+),`).FindAllStringSubmatch(read(t, "agentd/server/ops.go"), -1) {
		roles[code.consts["Op"][m[1]]] = m[2]
	}
	if len(roles) == 0 {
		t.Fatal("agentd/server/ops.go has no table of operations that this test can read")
	}
	return roles
}

// block gives the lines of the fenced block of that language.
func block(t *testing.T, doc, language string) []string {
	t.Helper()
	_, text, found := strings.Cut(doc, "\n```"+language+"\n")
	if !found {
		t.Fatalf("no block of %s", language)
	}
	text, _, _ = strings.Cut(text, "\n```")
	return strings.Split(text, "\n")
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// anchors gives the names under which a page's headings can be linked to.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		out = append(out, regexp.MustCompile("[^a-z0-9_-]").ReplaceAllString(name, ""))
	}
	return out
}
