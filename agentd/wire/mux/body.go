package mux

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// rawBody marshals a body, passing raw JSON through.
func rawBody(v any) (json.RawMessage, error) {
	switch b := v.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return b, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	return b, nil
}

func decodeBody(raw json.RawMessage, v any) error {
	if v == nil || len(raw) == 0 {
		return nil
	}
	if r, ok := v.(*json.RawMessage); ok {
		*r = raw
		return nil
	}
	return json.Unmarshal(raw, v)
}

// ignoreEOF makes the end of a copied stream no error.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
