package mux_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/ws"
)

func TestAPeerThatBreaksTheProtocolIsClosed(t *testing.T) {
	t.Parallel()
	big := fmt.Sprintf(`{"t":"req","id":1,"op":"echo","body":"%s"}`, strings.Repeat("x", wire.MaxMessage))
	for name, c := range map[string]struct {
		kind int
		data []byte
		code int
	}{
		"not JSON":                 {websocket.TextMessage, []byte("hello"), wire.CloseProtocol},
		"no kind":                  {websocket.TextMessage, []byte(`{"id":1}`), wire.CloseProtocol},
		"a chunk without a header": {websocket.BinaryMessage, []byte("abc"), wire.CloseProtocol},
		"an oversize chunk":        {websocket.BinaryMessage, make([]byte, wire.MaxChunk+5), wire.CloseProtocol},
		"a negative window":        {websocket.TextMessage, []byte(`{"t":"req","id":1,"op":"echo","n":-1}`), wire.CloseProtocol},
		"an input over credit":     {websocket.TextMessage, fmt.Appendf(nil, `{"t":"req","id":1,"op":"echo","input":"%s"}`, strings.Repeat("AAAA", wire.InitialCredit/3+1)), wire.CloseProtocol},
		"an input that is no text": {websocket.TextMessage, []byte(`{"t":"req","id":1,"op":"echo","input":"%"}`), wire.CloseProtocol},
		"an oversize message":      {websocket.TextMessage, []byte(big), wire.CloseTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial := serveHTTP(t, serving(testOps))
			d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}, NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
			peer, _, err := d.DialContext(t.Context(), "ws://x"+ws.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			// The server may close before it has read all of an oversize message.
			_ = peer.WriteMessage(c.kind, c.data)
			_, _, err = peer.ReadMessage()
			if code := closeCode(err); code != c.code {
				t.Errorf("close code %d (%v), want %d", code, err, c.code)
			}
		})
	}
}

func TestUnknownKindsFieldsAndFinishedExchangesAreIgnored(t *testing.T) {
	t.Parallel()
	dial := serveHTTP(t, serving(testOps))
	d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}, NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	peer, _, err := d.DialContext(t.Context(), "ws://x"+ws.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for _, m := range []string{`{"t":"sing","id":9}`, `{"t":"cancel","id":77}`, `{"t":"credit","id":77,"n":5}`, `{"t":"req","id":1,"op":"echo","body":"x","mood":"good"}`} {
		if err := peer.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	_, got, err := peer.ReadMessage()
	if err != nil || string(got) != `{"t":"res","id":1,"body":"x"}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestAPeerThatSendsMoreThanItsCreditIsClosed(t *testing.T) {
	t.Parallel()
	dial := serveHTTP(t, serving(testOps))
	d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}, NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	peer, _, err := d.DialContext(t.Context(), "ws://x"+ws.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := peer.WriteMessage(websocket.TextMessage, []byte(`{"t":"req","id":1,"op":"hang"}`)); err != nil {
		t.Fatal(err)
	}
	for range wire.InitialCredit/wire.MaxChunk + 1 {
		if err := peer.WriteMessage(websocket.BinaryMessage, wire.AppendChunk(nil, 1, make([]byte, wire.MaxChunk))); err != nil {
			break
		}
	}
	_, _, err = peer.ReadMessage()
	if code := closeCode(err); code != wire.CloseProtocol {
		t.Errorf("close code %d (%v)", code, err)
	}
}

func closeCode(err error) int {
	var e *websocket.CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
