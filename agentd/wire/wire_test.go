package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
)

func TestEnvelopesSurviveTheWire(t *testing.T) {
	t.Parallel()
	for _, want := range []Envelope{
		{Kind: KindRequest, ID: 1, Op: OpPeek, Session: "mayor", Key: "k", N: 7, Body: json.RawMessage(`{"lines":3}`)},
		{Kind: KindRequest, ID: 2, Op: OpNudge, Input: []byte("a\x00\xff")},
		{Kind: KindRequest, ID: 3, Op: OpNudge, Input: []byte{}},
		{Kind: KindResult, ID: 1<<32 - 1, Error: Errorf(CodeNoSession, "no session %q", "x")},
		{Kind: KindCredit, ID: 2, N: MaxCredit},
	} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEnvelope(b)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s became %+v, %v", b, got, err)
		}
	}
}

func TestAnEnvelopeOverTheLimitIsNotEncoded(t *testing.T) {
	t.Parallel()
	e := Envelope{Kind: KindResult, Body: json.RawMessage(`"` + strings.Repeat("x", MaxMessage) + `"`)}
	if _, err := e.Encode(); CodeOf(err) != CodeTooLarge {
		t.Errorf("error %v", err)
	}
}

func TestDecodeRefusesWhatBreaksTheProtocol(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"empty":                "",
		"not an object":        `[1]`,
		"no kind":              `{"id":1}`,
		"an id below zero":     `{"t":"req","id":-1}`,
		"an id over 32 bits":   `{"t":"req","id":4294967296}`,
		"credit of nothing":    `{"t":"credit","id":1}`,
		"credit over the most": `{"t":"credit","id":1,"n":1073741825}`,
	} {
		if e, err := DecodeEnvelope([]byte(message)); err == nil {
			t.Errorf("%s: decoded to %+v", name, e)
		}
	}
}

func TestCodeOfFindsTheCodeInAChain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{fmt.Errorf("a: %w", Errorf(CodeState, "b")), CodeState},
		{fmt.Errorf("a: %w", context.Canceled), CodeCanceled},
		{context.DeadlineExceeded, CodeTimeout},
		{errors.New("x"), CodeInternal},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("%v: code %q, want %q", c.err, got, c.want)
		}
	}
	if e := AsError(fmt.Errorf("a: %w", Errorf(CodeState, "b"))); e.Code != CodeState || e.Text != "a: b" {
		t.Errorf("AsError gave %+v", e)
	}
}

func TestAMetaEntryIsWhatAnEnvironmentCanHold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    Meta
		want Code
	}{
		"a word":                 {Meta{Key: "drain", Value: "acked"}, ""},
		"no value":               {Meta{Key: "k"}, ""},
		"any text but zeros":     {Meta{Key: "k ü", Value: "a=b\n\x01"}, ""},
		"the longest":            {Meta{Key: strings.Repeat("k", MaxMetaKey), Value: strings.Repeat("v", MaxMetaValue)}, ""},
		"no key":                 {Meta{Value: "v"}, CodeBadRequest},
		"an equals sign":         {Meta{Key: "a=b"}, CodeBadRequest},
		"a newline in a key":     {Meta{Key: "a\nb"}, CodeBadRequest},
		"a zero byte in a key":   {Meta{Key: "a\x00"}, CodeBadRequest},
		"a zero byte in a value": {Meta{Key: "k", Value: "\x00"}, CodeBadRequest},
		"too long a key":         {Meta{Key: strings.Repeat("k", MaxMetaKey+1)}, CodeTooLarge},
		"too large a value":      {Meta{Key: "k", Value: strings.Repeat("v", MaxMetaValue+1)}, CodeTooLarge},
	} {
		if err := c.m.Check(OpMetaSet); CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheVersionIsWhatTheBuildStamped(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"a tagged build":      {debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision}}, "v1.2.3"},
		"a revision alone":    {debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{revision}}, "devel-0123456789ab"},
		"a changed work tree": {debug.BuildInfo{Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}}, "devel-0123456789ab+dirty"},
		"no version control":  {debug.BuildInfo{}, "devel"},
	} {
		if got := versionOf(&c.info); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzDecodeEnvelope(f *testing.F) {
	f.Add([]byte(`{"t":"req","id":1,"op":"peek","session":"a","body":{"lines":50}}`))
	f.Add([]byte(`{"t":"res","id":1,"error":{"code":"state","text":"x"}}`))
	f.Add([]byte(`{"t":"credit","id":1,"n":65536}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEnvelope(b)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if CodeOf(err) == CodeTooLarge {
			return // escaping may lengthen it
		}
		if err != nil {
			t.Fatalf("%q decodes but does not encode: %v", b, err)
		}
		if e2, err := DecodeEnvelope(again); err != nil || e2.Kind != e.Kind || e2.ID != e.ID || e2.Op != e.Op {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, data, err := DecodeChunk(b)
		if err != nil {
			return
		}
		if again := AppendChunk(nil, id, data); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
