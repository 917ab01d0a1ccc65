package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Kind says what an envelope is.
type Kind string

// The kinds of envelope. A request opens an exchange under an id that its sender chose; all else refers to that id.
const (
	// KindRequest (client → server) asks for an operation.
	KindRequest Kind = "req"
	// KindResult (server → client) ends the exchange: Body, or Error.
	KindResult Kind = "res"
	// KindPush (either way) carries something within the exchange before its result.
	KindPush Kind = "push"
	// KindCancel (client → server): the caller has gone; the result will not be read, but is still sent.
	KindCancel Kind = "cancel"
	// KindCredit (either way) allows the peer N more bytes on the exchange's stream.
	KindCredit Kind = "credit"
	// KindEOF (either way): the sender has no more bytes for this exchange's stream.
	KindEOF Kind = "eof"
)

// Envelope is one text message. Unknown fields are ignored by the receiver, unknown kinds too.
type Envelope struct {
	Kind Kind   `json:"t"`
	ID   uint32 `json:"id"`
	// Op names the operation of a request.
	Op Op `json:"op,omitempty"`
	// Session is the session's name. The hub needs it; agentd, which has one session, ignores it.
	Session string `json:"session,omitempty"`
	// Key makes a request that must not happen twice safe to repeat: the receiver answers a known key with the first result.
	Key string `json:"key,omitempty"`
	// N is the number of bytes of a credit.
	N int64 `json:"n,omitempty"`
	// Input is all that the client streams in the exchange that this request opens, as if it came with an eof behind it; nil where it comes by itself. What is short then
	// costs everybody on the way one message, not three.
	Input []byte          `json:"input,omitzero"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error *Error          `json:"error,omitempty"`
}

// Encode gives the envelope as a text message.
func (e *Envelope) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s envelope: %w", e.Kind, err)
	}
	if len(b) > MaxMessage {
		return nil, Errorf(CodeTooLarge, "%s message of %d bytes is over the limit of %d", e.Kind, len(b), MaxMessage)
	}
	return b, nil
}

// DecodeEnvelope reads a text message. An error means that the peer broke the protocol.
func DecodeEnvelope(b []byte) (*Envelope, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("decode envelope: %d bytes, limit %d", len(b), MaxMessage)
	}
	var e Envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("decode envelope: %w", err)
	}
	if e.Kind == "" {
		return nil, fmt.Errorf("decode envelope: no kind")
	}
	if e.Kind == KindCredit && (e.N <= 0 || e.N > MaxCredit) {
		return nil, fmt.Errorf("decode envelope: credit of %d bytes", e.N)
	}
	return &e, nil
}

// chunkHeader is the length of a binary message's header: the exchange's id, big endian.
const chunkHeader = 4

// AppendChunk appends a binary message carrying data for the stream of exchange id. Data over MaxChunk panics: the caller cuts.
func AppendChunk(dst []byte, id uint32, data []byte) []byte {
	if len(data) > MaxChunk {
		panic(fmt.Sprintf("wire: chunk of %d bytes, limit %d", len(data), MaxChunk))
	}
	dst = binary.BigEndian.AppendUint32(dst, id)
	return append(dst, data...)
}

// DecodeChunk splits a binary message into its exchange id and payload, which aliases b. An error means that the peer broke the protocol.
func DecodeChunk(b []byte) (id uint32, data []byte, err error) {
	if len(b) < chunkHeader {
		return 0, nil, fmt.Errorf("decode chunk: %d bytes, less than its header", len(b))
	}
	if len(b)-chunkHeader > MaxChunk {
		return 0, nil, fmt.Errorf("decode chunk: %d bytes, limit %d", len(b)-chunkHeader, MaxChunk)
	}
	return binary.BigEndian.Uint32(b), b[chunkHeader:], nil
}
