package events

import (
	"bytes"
	"io"
)

// WriteArray writes events as a JSON array on one line, without its end. Each stays as it is stored, but for line ends between its tokens.
func WriteArray(w io.Writer, list []Event) error {
	begin := "["
	for _, e := range list {
		if _, err := io.WriteString(w, begin); err != nil {
			return err
		}
		begin = ","
		text := []byte(e.JSON)
		if bytes.ContainsAny(text, "\r\n") {
			text = OneLine(text)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		_, err := io.WriteString(w, "[]")
		return err
	}
	_, err := io.WriteString(w, "]")
	return err
}
