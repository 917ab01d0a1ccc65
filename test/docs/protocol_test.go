// Package docs holds the documentation against the code: what a table of docs/protocol.md says must be what the source says, and the
// commands that README.md and docs/ show must run.
package docs

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const root = "../.."

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

var tagName = regexp.MustCompile(`json:"([^,"]*)`)

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

func TestThePageListsTheMessagesAndErrorsOfTheSource(t *testing.T) {
	t.Parallel()
	doc, code := read(t, "docs/protocol.md"), wireSource(t)
	messages := section(t, doc, "## Messages")
	var kinds, envelope []string
	for _, r := range rows(messages) {
		switch r[1] {
		case "client", "server", "both":
			kinds = append(kinds, r[0])
		default:
			envelope = append(envelope, r[0])
		}
	}
	same(t, "kinds of message", kinds, slices.Collect(maps.Values(code.consts["Kind"])))
	same(t, "an envelope's fields", envelope, slices.Collect(maps.Keys(code.structs["Envelope"])))
	same(t, "error codes", column(rows(section(t, doc, "## Errors")), 0), slices.Collect(maps.Values(code.consts["Code"])))
	same(t, "close codes", column(rows(section(t, doc, "## Closing")), 0), numbers(
		wire.CloseNormal, wire.CloseProtocol, wire.CloseTooBig, wire.CloseExited, wire.CloseReplaced, wire.CloseShutdown))
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

func TestThePageListsTheOperationsOfTheSource(t *testing.T) {
	t.Parallel()
	doc, code := read(t, "docs/protocol.md"), wireSource(t)
	roles := dispatch(t, code)
	table := rows(section(t, doc, "## Operations"))
	same(t, "operations", column(table, 0), slices.Collect(maps.Values(code.consts["Op"])))
	for _, r := range table {
		op, role, answered, bodies := r[0], r[1], r[2], r[3]+" "+r[4]
		if role != roles[op] {
			t.Errorf("%s: the page says role %q, agentd %q", op, role, roles[op])
		}
		if _, known := roles[op]; known != strings.Contains(answered, "agentd") {
			t.Errorf("%s: the page says that %s answers, agentd knows it: %v", op, answered, known)
		}
		same(t, op+"'s bodies", code.bodiesIn(bodies), code.bodiesIn(code.comments[op]))
	}
}

func TestThePageListsTheBodiesOfTheSource(t *testing.T) {
	t.Parallel()
	doc, code := read(t, "docs/protocol.md"), wireSource(t)
	bodies := section(t, doc, "## Bodies")
	delete(code.structs, "Envelope") // have their own sections
	delete(code.structs, "Error")
	var listed []string
	for _, m := range regexp.MustCompile("\n### `(\\w+)`\n").FindAllStringSubmatch(bodies, -1) {
		listed = append(listed, m[1])
		page := map[string]string{}
		for _, r := range rows(section(t, bodies, "### `"+m[1]+"`")) {
			page[r[0]] = r[1]
		}
		if want := code.structs[m[1]]; !reflect.DeepEqual(page, want) {
			t.Errorf("%s: the page has\n%v\nthe source has\n%v", m[1], page, want)
		}
	}
	same(t, "bodies", listed, slices.Collect(maps.Keys(code.structs)))
}

func TestThePageGivesTheLimitsOfTheSource(t *testing.T) {
	t.Parallel()
	doc := read(t, "docs/protocol.md")
	limits := map[string]int{
		"MaxMessage": wire.MaxMessage, "MaxChunk": wire.MaxChunk, "MaxRequests": wire.MaxRequests, "InitialCredit": wire.InitialCredit,
		"MaxCredit": wire.MaxCredit, "MaxNudge": wire.MaxNudge, "MaxKeys": wire.MaxKeys, "MaxMetaKey": wire.MaxMetaKey, "MaxMetaValue": wire.MaxMetaValue,
		"MaxUnpackedBytes": wire.MaxUnpackedBytes, "MaxUnpackedEntries": wire.MaxUnpackedEntries,
	}
	page := map[string]int{}
	for _, r := range rows(section(t, doc, "## Limits")) {
		n, err := strconv.Atoi(r[1])
		if err != nil {
			t.Errorf("%s: %v", r[2], err)
		}
		page[r[2]] = n
	}
	if !maps.Equal(page, limits) {
		t.Errorf("the page has\n%v\nthe source has\n%v", page, limits)
	}
	for _, want := range []string{
		"# The protocol: `" + wire.Subprotocol + "`", "`" + wire.VersionHeader + "`", "the path `" + mux.Path + "`",
		fmt.Sprintf("at most %.0f s after `iat`; our clients take %.0f s", wire.TokenMaxLife.Seconds(), wire.TokenLife.Seconds()),
		fmt.Sprintf("Up to %.0f s of difference", wire.TokenLeeway.Seconds()),
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
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

func TestTheWorkedExampleIsRight(t *testing.T) {
	t.Parallel()
	doc := read(t, "docs/protocol.md")
	lines := block(t, doc, "frames")
	for _, line := range lines {
		_, kind, _ := strings.Cut(line, " ")
		kind, message, _ := strings.Cut(kind, " ")
		message = strings.TrimSpace(message)
		var again string
		switch kind {
		case "text":
			e, err := wire.DecodeEnvelope([]byte(message))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			b, err := e.Encode()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			again = string(b)
		case "binary":
			id, data, err := wire.DecodeChunk(unhex(t, message))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			b := hex.EncodeToString(wire.AppendChunk(nil, id, data))
			again = b[:8] + " " + b[8:]
		}
		if again != message {
			t.Errorf("the source writes\n%s\nas\n%s", message, again)
		}
	}
	frame := unhex(t, strings.Join(block(t, doc, "wire"), ""))
	mask, payload := frame[2:6], frame[6:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	if frame[0] != 0x81 || frame[1] != byte(0x80|len(payload)) || !slices.Contains(lines, "C text   "+string(payload)) {
		t.Errorf("the frame on the wire is % x, unmasked %q", frame, payload)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestThePageListsTheMetricsOfTheSource(t *testing.T) {
	t.Parallel()
	var page, code []string
	for _, r := range rows(section(t, read(t, "docs/operations.md"), "## Metrics")) {
		if strings.HasPrefix(r[0], "agentd_") {
			page = append(page, r[0])
		}
	}
	for _, m := range regexp.MustCompile(`"(agentd_\w+)"`).FindAllStringSubmatch(read(t, "agentd/health/metrics.go"), -1) {
		code = append(code, m[1])
	}
	same(t, "metrics", page, code)
}

// Every link from one page to another, or to a heading, leads somewhere.
func TestTheLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
			path, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			} else if heading != "" && !slices.Contains(anchors(t, target), heading) {
				t.Errorf("%s links to %s, which has no such heading", page, m[1])
			}
		}
	}
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
