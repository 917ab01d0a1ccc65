package agentd_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// Colours, a spinner that paints over itself, a line of the cursor's wanderings, and a screen that is cleared.
const paints = `printf '\033[1;31mred\033[0m and \033]0;a title\007plain\n'
for n in 1 2 3 4 5 6 7 8 9; do for s in - / '|'; do printf '\rworking %s' $s; sleep 0.01; done; done
printf '\r\033[Kworked\n\033[10C ten to the right\n'
printf 'tabs\tand \303\274n\303\257c\303\266d\303\251 \360\237\246\212\n'
exit 4`

func TestStdoutIsTheAgentsTextAndStderrIsJSON(t *testing.T) {
	t.Parallel()
	d := prepare(t)
	d.run("--output=")
	c := d.dial()
	d.launch(c, "read go; "+paints)
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
	if status := d.status(); status != 4 {
		t.Errorf("status %d, want 4", status)
	}
	got := slices.DeleteFunc(lines(d.out.String()), func(line string) bool { return line == "" })
	want := []string{"red and plain", "worked", strings.Repeat(" ", 11) + "ten to the right", "tabs    and ünïcödé 🦊"}
	if !slices.Equal(got, want) {
		t.Errorf("stdout has\n%q\nwant\n%q", got, want)
	}

	told := map[string]bool{}
	for _, line := range lines(d.log.String()) {
		var entry struct {
			Time           time.Time
			Level, Process string
			Message        string `json:"msg"`
			PID            int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time.IsZero() || entry.Level == "" || entry.Process != "serve" || entry.PID == 0 {
			t.Errorf("stderr has %q (%v)", line, err)
		}
		told[entry.Message] = true
	}
	if !told["serving"] || !told["session ended"] {
		t.Errorf("the log does not tell of the beginning and the end:\n%s", d.log)
	}
}
