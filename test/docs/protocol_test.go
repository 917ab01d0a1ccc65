// Package docs holds the documentation against the code: what a table of docs/protocol.md or of folders says must be what the source says, and the
// commands that README.md and docs/ show must run.
package docs

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

const root = "../.."

var tagName = regexp.MustCompile(`json:"([^,"]*)`)

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
		"# The protocol: `" + wire.Subprotocol + "`", "`" + wire.VersionHeader + "`", "the path `" + ws.Path + "`",
		fmt.Sprintf("at most %.0f s after `iat`; our clients take %.0f s", wire.TokenMaxLife.Seconds(), wire.TokenLife.Seconds()),
		fmt.Sprintf("Up to %.0f s of difference", wire.TokenLeeway.Seconds()),
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
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

func TestTheFirstBytesToTheHubAreRight(t *testing.T) {
	t.Parallel()
	sent := unhex(t, strings.Join(block(t, read(t, "docs/protocol.md"), "hub"), ""))
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // a length in the page that is too large
		t.Fatal(err)
	}
	go func() {
		_, _ = client.Write(sent)
		_, _ = io.Copy(io.Discard, client)
	}()
	hub, err := frames.Accept(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	kind, r, err := hub.Next()
	if err != nil || kind != mux.Envelope {
		t.Fatalf("kind %d, %v", kind, err)
	}
	message, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := wire.DecodeEnvelope(message); err != nil || e.Kind != wire.KindRequest || e.Op != wire.OpList {
		t.Errorf("%q: %v", message, err)
	}
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
