package front

import "strings"

// exists is what gc looks for, in any case, in the stderr of start.
const exists = "already exists"

// withoutExists rewords what gc would take for a duplicate session: "mkdir: folder already exists" is another fault. No replacement can
// bring the words about anew, as none of them ends in "already" or begins with "exists".
func withoutExists(text string) string {
	lower := strings.ToLower(text)
	if len(lower) != len(text) {
		// A letter whose lower case has another length: places in lower are none in text. Plain text will do.
		text = lower
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, exists)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString("is there before")
		text, lower = text[i+len(exists):], lower[i+len(exists):]
	}
}
