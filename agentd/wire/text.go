package wire

import (
	"fmt"
	"unicode/utf8"
)

// CheckText refuses words that a message can't hold as they are: JSON puts U+FFFD for each byte that is no UTF-8, and two names would become one. Its error
// shows the word, or the first 40 characters of it.
func CheckText(words ...string) error {
	for _, w := range words {
		if !utf8.ValidString(w) {
			return fmt.Errorf("%.40q is not valid UTF-8", w)
		}
	}
	return nil
}
