package gcctl

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second:                 "0s",
		999 * time.Millisecond:       "0s",
		119 * time.Second:            "119s",
		2 * time.Minute:              "2m",
		2*time.Minute + time.Second:  "2m1s",
		10*time.Minute + time.Second: "10m",
		179 * time.Minute:            "179m",
		3 * time.Hour:                "3h",
		3*time.Hour + time.Minute:    "3h1m",
		8*time.Hour + time.Minute:    "8h",
		47 * time.Hour:               "47h",
		2 * day:                      "2d",
		2*day + time.Hour:            "2d1h",
		8*day + time.Hour:            "8d",
		729 * day:                    "729d",
		730 * day:                    "2y",
		731 * day:                    "2y1d",
	} {
		if got := age(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got := since(time.Now(), time.Time{}); got != "-" {
		t.Errorf("no time is %q", got)
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "demo": 4, "démö": 4, "日本語": 6, "한국": 4, "ｆｕｌｌ": 8, "🚀": 2, "e\u0301": 1, "a\x07b": 2, "\u200bx": 1, "│": 1, "…": 1,
	} {
		if got := width(text); got != want {
			t.Errorf("%q is %d columns wide, want %d", text, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"demo", 4, "demo"}, {"demo", 3, "dem"}, {"demo", 0, ""}, {"日本", 3, "日"}, {"日本", 1, ""}, {"e\u0301x", 1, "e\u0301"},
	} {
		if got := clip(c.text, c.limit); got != c.want {
			t.Errorf("%q clipped to %d is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("日本e\u0301\x1b[31m", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(0, min(limit, 200))
		got := clip(text, limit)
		if !strings.HasPrefix(text, got) || width(got) > limit {
			t.Fatalf("%q clipped to %d is %q", text, limit, got)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Fatalf("%q is cut within a character: %q", text, got)
		}
	})
}

func TestQuoteWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"demo": "demo", "a/b:c=1": "a/b:c=1", "démö": "démö", "日本": "日本", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'",
		"~x": "'~x'", "*": "'*'", "a\nb": "'a\nb'",
	} {
		if got := quoteWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := [][]cell{plain("NAME", "STATE", "SIZE"), {{text: "日本"}, {"running", paintGood}, {text: "80x24"}}, plain("a", "", "-")}
	var laid table
	lines := laid.lines(rows, palette{}, 0)
	want := []string{"NAME   STATE     SIZE", "日本   running   80x24", "a                -"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got := laid.lines([][]cell{plain("b", "up", "1x1")}, palette{}, 0)[0]; got != "b      up        1x1" {
		t.Errorf("a later row is %q: not under those before", got)
	}
	if got := new(table).lines(rows, palette{on: true}, 0)[1]; got != "日本   \x1b[32mrunning\x1b[0m   80x24" {
		t.Errorf("colour counts for the width: %q", got)
	}
	for _, line := range new(table).lines(rows, palette{}, 9) {
		if width(line) > 9 {
			t.Errorf("%q is wider than 9", line)
		}
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", -1, "a\nb\nc\n"}, {"a\nb\nc\n", 0, ""}, {"a\nb\nc\n", 1, "c\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\nb\n", 9, "a\nb\n"}, {"", 3, ""}, {"\n\n", 1, "\n"},
	} {
		if got := string(lastLines([]byte(c.text), c.n)); got != c.want {
			t.Errorf("the last %d lines of %q are %q, want %q", c.n, c.text, got, c.want)
		}
	}
}
