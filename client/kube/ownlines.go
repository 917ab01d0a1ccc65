package kube

import (
	"encoding/json"
	"strings"
)

// A container's log holds what the agent said, on stdout, and what agentd said of itself, on stderr, in JSON.

// ownLine is a line of agentd's.
type ownLine struct {
	Time    string `json:"time"`
	Level   string `json:"level"`
	Message string `json:"msg"`
	Process string `json:"process"`
	Error   string `json:"error"`
}

func parseOwn(line string) (ownLine, bool) {
	var own ownLine
	if !strings.HasPrefix(line, `{"time":`) || json.Unmarshal([]byte(line), &own) != nil {
		return ownLine{}, false
	}
	return own, own.Process != "" && own.Level != ""
}

// isOwn says whether agentd said that.
func isOwn(line string) bool {
	_, own := parseOwn(line)
	return own
}

// plain gives a line for people: of agentd's own the message.
func plain(line string) string {
	own, ok := parseOwn(line)
	switch {
	case !ok:
		return line
	case own.Level == "INFO" || own.Level == "DEBUG":
		return ""
	case own.Error != "":
		return own.Message + ": " + own.Error
	}
	return own.Message
}
