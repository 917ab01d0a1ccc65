package kube

import (
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gascity/agentd/agentd/wire"
)

// Adapt makes the launch one for a pod: what lies in the city's folder on this machine lies in /workspace there.
func (b *Backend) Adapt(launch *wire.Launch, start *wire.Start) error {
	s, err := parseSettings(start.BaseEnv)
	if err != nil {
		return err
	}
	return adapt(launch, start, s)
}

func adapt(launch *wire.Launch, start *wire.Start, s settings) error {
	city := cityOf(start)
	launch.BaseEnv = nil
	launch.Command = city.move(launch.Command)
	for _, commands := range []*[]string{&launch.PreStart, &launch.SessionSetup, &launch.SessionLive} {
		moved := make([]string, len(*commands))
		for i, command := range *commands {
			moved[i] = city.move(command)
		}
		*commands = moved
	}
	launch.WorkDir = city.workDir(start.WorkDir)
	launch.MakeWorkDir = true // it may be that nothing is there to be copied, or that the image lacks it
	env := map[string]string{}
	for name, value := range launch.Env {
		if isPath(name) {
			value = city.move(value)
		}
		env[name] = value
	}
	if len(city) > 0 {
		env["GC_CITY"] = workspace
		if _, ok := env["GC_CITY_PATH"]; ok {
			env["GC_CITY_PATH"] = workspace
		}
	}
	if _, ok := env["GC_DIR"]; ok || len(city) > 0 {
		env["GC_DIR"] = launch.WorkDir
	}
	if err := putDolt(env, s); err != nil {
		return err
	}
	launch.Env = env
	return nil
}

// isPath names the variables that hold paths of the city, by gc's contract.
func isPath(name string) bool {
	switch name {
	case "GC_CITY", "GC_CITY_PATH", "GC_DIR", "GC_STORE_ROOT", "GC_RIG_ROOT", "BEADS_DIR", "GT_ROOT", "GC_CITY_RUNTIME_DIR":
		return true
	}
	return strings.HasPrefix(name, "GC_PACK_")
}

// city is the city's folder on this machine, by each of its spellings, longest first; none when the session has no city.
type city []string

func cityOf(start *wire.Start) city {
	var c city
	for _, dir := range []string{start.Env["GC_CITY"], start.Env["GC_CITY_PATH"], start.City} {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
			continue
		}
		c.add(filepath.Clean(dir))
		if real, err := filepath.EvalSymlinks(dir); err == nil && real != "/" {
			c.add(real)
		}
	}
	return c
}

func (c *city) add(dir string) {
	for i, have := range *c {
		if have == dir {
			return
		}
		if len(dir) > len(have) {
			*c = append((*c)[:i], append(city{dir}, (*c)[i:]...)...)
			return
		}
	}
	*c = append(*c, dir)
}

// rel gives where dir lies in the city: "." for the city itself.
func (c city) rel(dir string) (string, bool) {
	dir = filepath.Clean(dir)
	for _, root := range c {
		if rel, err := filepath.Rel(root, dir); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), true
		}
	}
	return "", false
}

// workDir is the agent's folder in the pod.
func (c city) workDir(dir string) string {
	if rel, ok := c.rel(dir); ok && filepath.IsAbs(dir) {
		return path.Join(workspace, rel)
	}
	return workspace
}

// move puts /workspace in the city's place wherever a text names it: the folder itself or something in it, not another one whose name just begins or ends
// the same.
func (c city) move(text string) string {
	var moved strings.Builder
	before := ' '
	for text != "" {
		if dir := c.named(text); dir != "" && !isNameRune(before) && !strings.ContainsRune("./~-", before) {
			moved.WriteString(workspace)
			text = text[len(dir):]
		}
		next, size := utf8.DecodeRuneInString(text)
		moved.WriteString(text[:size])
		text, before = text[size:], next
	}
	return moved.String()
}

// named gives the city's folder when a text begins with its name, "" otherwise. A name ends before what can't be part of one, or would need quotes to be.
func (c city) named(text string) string {
	for _, dir := range c {
		rest, ok := strings.CutPrefix(text, dir)
		if next, _ := utf8.DecodeRuneInString(rest); ok && (rest == "" || !isNameRune(next) && !strings.ContainsRune(".~-+@%#", next)) {
			return dir
		}
	}
	return ""
}

func isNameRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == utf8.RuneError
}
