package nudge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/nudge"
	"github.com/gascity/agentd/agentd/tmux/tmuxtest"
)

// interpreter runs a program that people use, and waits for its prompt.
func interpreter(t *testing.T, name, command, prompt string, env ...string) (*tmuxtest.Terminal, *nudge.Queue) {
	t.Helper()
	tmuxtest.Need(t, name)
	env = append(env, "HISTFILE=", "NODE_REPL_HISTORY=", "PYTHONSTARTUP=", "PYTHON_HISTORY=/dev/null")
	term := tmuxtest.Start(t, tmuxtest.Options{Command: command, Env: env})
	term.AwaitText(prompt)
	return term, queue(t, term)
}

// wrote waits until the program says so, and compares what it wrote into the file.
func wrote(t *testing.T, term *tmuxtest.Terminal, word, name, want string) {
	t.Helper()
	term.Await(word+" at the beginning of a line", func(text string) bool { return strings.Contains("\n"+text, "\n"+word) })
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("the program wrote %s, %v; want %s", short(got), err, short([]byte(want)))
	}
}

func TestBashRunsWhatItIsNudged(t *testing.T) {
	t.Parallel()
	term, q := interpreter(t, "bash", `exec env PS1="sh-ready>" bash --norc --noprofile`, "sh-ready>")
	file := filepath.Join(term.Dir(), "out")
	for i, text := range []string{"x", "-t C-c Enter ; a; #{x} $HOME \"q\" `b` \\", "né 👍🏽 e\u0301 日本語", "tab\there", "two\nlines", "  blanks  "} {
		send(t, q, fmt.Sprintf("printf %%s '%s' >%s; echo do''ne%d", text, file, i))
		wrote(t, term, fmt.Sprintf("done%d", i), file, text)
	}
	send(t, q, fmt.Sprintf("for i in 1 2 3; do\n  echo $i\ndone >%s\necho a''ll", file))
	wrote(t, term, "all", file, "1\n2\n3\n")
}

func TestFiftyNudgesToBashRunInOrder(t *testing.T) {
	t.Parallel()
	term, q := interpreter(t, "bash", `exec env PS1="sh-ready>" bash --norc --noprofile`, "sh-ready>")
	file := filepath.Join(term.Dir(), "out")
	fifty(t, q, func(caller, n int) string { return fmt.Sprintf("echo %d %d >>%s", caller, n, file) })
	send(t, q, "echo a''ll")
	term.AwaitText("\nall")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	inOrder(t, lines, func(line string) (caller, n int, err error) {
		_, err = fmt.Sscanf(line, "%d %d", &caller, &n)
		return caller, n, err
	})
}

func TestPythonRunsWhatItIsNudged(t *testing.T) {
	t.Parallel()
	term, q := interpreter(t, "python3", "exec python3 -q", ">>>")
	file := filepath.Join(term.Dir(), "out")
	for i, text := range []string{"x", "-t C-c Enter ; #{x} \"q\"", "né 👍🏽 日本語"} {
		send(t, q, fmt.Sprintf("_ = open(%q, 'w').write('''%s'''); print('do' + 'ne%d')", file, text, i))
		wrote(t, term, fmt.Sprintf("done%d", i), file, text)
	}
	send(t, q, "def f(n):\n  return n + 1\n\nprint('answer', f(41))")
	term.AwaitText("\nanswer 42")
}

func TestNodeRunsWhatItIsNudged(t *testing.T) {
	t.Parallel()
	term, q := interpreter(t, "node", "exec node", ">")
	file := filepath.Join(term.Dir(), "out")
	for i, text := range []string{"x", "-t C-c Enter ; #{x} 'q'", "né 👍🏽 日本語"} {
		send(t, q, fmt.Sprintf("require('fs').writeFileSync(%q, \"%s\"); console.log('do' + 'ne%d')", file, text, i))
		wrote(t, term, fmt.Sprintf("done%d", i), file, text)
	}
	send(t, q, "const f = n => {\n  return n + 1\n}\nconsole.log('answer', f(41))")
	term.AwaitText("\nanswer 42")
}

func TestVimTakesWhatItIsNudgedAsText(t *testing.T) {
	t.Parallel()
	tmuxtest.Need(t, "vim")
	term := tmuxtest.Start(t, tmuxtest.Options{Command: `cd "$TMUX_TMPDIR" && vim --clean -n out; echo vim has''ended; read x`})
	term.AwaitText("~\n~\n")
	term.Keys("i")
	term.AwaitText("-- INSERT --")
	q := queue(t, term)
	messages := []string{"x", "-t C-c Enter ; #{x} 'q' \"p\" \\", "né 👍🏽 日本語", "two\nlines", "/help", strings.Repeat("a long line of text. ", 300)}
	for _, text := range messages {
		send(t, q, text)
	}
	term.Keys("Escape")
	term.Await("the end of insert mode", func(text string) bool { return !strings.Contains(text, "-- INSERT --") })
	term.Keys(":wq", "Enter")
	term.AwaitText("vim hasended")
	got, err := os.ReadFile(filepath.Join(term.Dir(), "out"))
	if want := strings.Join(messages, "\n") + "\n\n"; err != nil || string(got) != want {
		t.Errorf("vim wrote %s, %v; want %s", short(got), err, short([]byte(want)))
	}
}
