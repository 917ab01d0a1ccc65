package session

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/tmux"
)

// maxCityFile bounds what is read of a city.toml, in bytes.
const maxCityFile = 1 << 20

// nameSockets has gc find the session under the name that it gives to its tmux socket, `tmux -L NAME`: what gc does in a session changes the metadata that way.
func (s *Session) nameSockets(p *plan) error {
	for _, name := range socketNames(p.variable) {
		if err := tmux.Alias(s.cfg.TmuxDir, name); err != nil {
			return err
		}
	}
	return nil
}

// socketNames are the names that gc may use: one that it was told, the one of the city's configuration, the workspace's, or that of the city's folder.
func socketNames(variable func(string) string) []string {
	names := []string{variable("GC_TMUX_SOCKET")}
	for _, name := range []string{"GC_CITY_PATH", "GC_CITY"} {
		city := variable(name)
		if !filepath.IsAbs(city) {
			continue
		}
		file := filepath.Join(city, "city.toml")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Size() <= maxCityFile {
			text, _ := os.ReadFile(file) // a city whose configuration can't be read has none
			socket, workspace := cityNames(string(text))
			names = append(names, socket, workspace)
		}
		return append(names, filepath.Base(city))
	}
	return names
}

// cityNames reads the names of the tmux socket and of the workspace from a city.toml: plain strings in plain tables, as gc writes them.
func cityNames(text string) (socket, workspace string) {
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table, _, _ = strings.Cut(line, "#")
			table = strings.Trim(table, "[] \t")
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		switch table + "." + strings.TrimSpace(key) {
		case "session.socket":
			socket = tomlString(value)
		case "workspace.name":
			workspace = tomlString(value)
		}
	}
	return socket, workspace
}

// tomlString reads a string of one line, "" if it is none.
func tomlString(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "'") {
		value, _, _ := strings.Cut(text[1:], "'")
		return value
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil || quoted[0] != '"' {
		return ""
	}
	value, _ := strconv.Unquote(quoted)
	return value
}
