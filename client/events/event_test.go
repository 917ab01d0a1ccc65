package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 80_000_000, time.FixedZone("", 3600))

const filled = `"2026-03-04T04:06:07.080000000Z"`

func TestStampFillsTheTimeAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"type":"a"}`:           `{"ts":` + filled + `,"type":"a"}`,
		`{}`:                     `{"ts":` + filled + `}`,
		` { } `:                  `{"ts":` + filled + ` }`,
		`{"ts":null,"type":"a"}`: `{"ts":` + filled + `,"type":"a"}`,
		`{"ts":"","type":"a"}`:   `{"ts":` + filled + `,"type":"a"}`,
		`{"type":"a", "ts" : "0001-01-01T00:00:00Z" ,"x":[1.0]}`:                                       `{"type":"a", "ts" : ` + filled + ` ,"x":[1.0]}`,
		`{"ts":"2026-01-02T03:04:05.5+07:00"}`:                                                         `{"ts":"2026-01-02T03:04:05.5+07:00"}`,
		"{\"payload\":{\"ts\":\"\",\"n\":1e400, \"s\":\"\\u003c\"},\"ts\":\"2026-01-02T03:04:05Z\"}\n": `{"payload":{"ts":"","n":1e400, "s":"\u003c"},"ts":"2026-01-02T03:04:05Z"}`,
	} {
		got, err := Stamp([]byte(given), now)
		if err != nil || string(got) != want {
			t.Errorf("Stamp(%s)\n gave %s, %v\n want %s", given, got, err, want)
		}
	}
}

func TestStampRefuses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                    "no event given",
		" \n":                 "no event given",
		"null":                "no JSON object",
		"[]":                  "no JSON object",
		`{"type":"a"`:         "no JSON object",
		`{} {}`:               "no JSON object",
		`{"type":1}`:          `"type" is no string`,
		`{"ts":"yesterday"}`:  "RFC 3339",
		"{\"type\":\"\xff\"}": "UTF-8",
		`{"message":"` + strings.Repeat("x", MaxEvent) + `"}`: fmt.Sprint(MaxEvent),
	} {
		if _, err := Stamp([]byte(given), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Stamp(%.40q) gave %v, want an error with %q", given, err, want)
		}
	}
}

func TestNumberReplacesTheNumberEverywhere(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"type":"a"}`:                       `{"seq":7,"type":"a"}`,
		`{"type":"a","seq":0,"payload":"x"}`: `{"type":"a","seq":7,"payload":"x"}`,
		`{"seq":1,"Seq" : "x"}`:              `{"seq":7,"Seq" : 7}`,
		`{"payload":{"seq":1}}`:              `{"seq":7,"payload":{"seq":1}}`,
	} {
		if got := string(Number([]byte(given), 7)); got != want {
			t.Errorf("Number(%s) gave %s, want %s", given, got, want)
		}
	}
}

func TestParseTakesOddEvents(t *testing.T) {
	t.Parallel()
	e, err := Parse([]byte(`{"seq":3,"ts":"never","type":5,"actor":"x"}`))
	if err != nil || e.Seq != 3 || !e.Time.IsZero() || e.Type != "" || e.Actor != "x" {
		t.Errorf("gave %+v, %v", e, err)
	}
}

func TestLineFitsGc(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, MaxLine - 40, MaxLine, 1 << 19} {
		e, err := Parse([]byte(fmt.Sprintf("{\"seq\":9,\n\"type\":\"a\",\r\n\"message\":\"%s\"}", strings.Repeat("é", size/2))))
		if err != nil {
			t.Fatal(err)
		}
		line := Line(e)
		if len(line) >= MaxLine || strings.ContainsAny(string(line), "\r\n") {
			t.Errorf("of %d bytes: %d on a line", len(e.JSON), len(line))
		}
		if got, err := Parse(line); err != nil || got.Seq != 9 || got.Type != "a" || !strings.HasPrefix(got.Message, "é") && size > 1 {
			t.Errorf("of %d bytes: %.80s, %v", len(e.JSON), line, err)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	e := Event{Seq: 5, Type: "a b", Actor: "x", Time: now}
	for given, want := range map[string]bool{
		``:   true,
		`{}`: true,
		`{"Type":"","Actor":"","Since":"0001-01-01T00:00:00Z","AfterSeq":0}`: true,
		`{"Type":"a b"}`:                           true,
		`{"Type":"a_b"}`:                           false,
		`{"Type":"a b","Actor":"y"}`:               false,
		`{"AfterSeq":4}`:                           true,
		`{"AfterSeq":5}`:                           false,
		`{"Since":"2026-03-04T05:06:07.08+01:00"}`: true,
		`{"Since":"2026-03-04T04:06:07.08Z"}`:      true,
		`{"Since":"2026-03-04T04:06:07.081Z"}`:     false,
	} {
		f, err := ParseFilter([]byte(given))
		if err != nil || f.Match(e) != want {
			t.Errorf("%s: %v, %v, want %v", given, f.Match(e), err, want)
		}
	}
	if _, err := ParseFilter([]byte(`{"AfterSeq":-1}`)); err == nil {
		t.Error("a negative number was taken")
	}
}

func FuzzStamp(f *testing.F) {
	for _, seed := range []string{`{}`, `{"ts":"","seq":1,"payload":{"a":[1,2]}}`, ` {"Ts":null , "x":"\ud800"} `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		stamped, err := Stamp(given, now)
		if err != nil {
			return
		}
		e, err := Parse(Number(stamped, 42))
		if err != nil || e.Seq != 42 || e.Time.IsZero() {
			t.Fatalf("%q became %q: %+v, %v", given, Number(stamped, 42), e, err)
		}
		if line := Line(e); !json.Valid(line) || strings.ContainsAny(string(line), "\r\n") || len(line) >= MaxLine {
			t.Fatalf("%q gives the line %q", given, line)
		}
	})
}
