package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// recipe is what a Dockerfile says of the image besides its files, so that the image is the same with and without an engine.
type recipe struct {
	config v1.Config         // of the last stage
	args   map[string]string // defaults of all stages
}

// readDockerfile understands what the project's Dockerfiles use, and refuses what it would have to guess at.
func readDockerfile(path string) (recipe, error) {
	r := recipe{args: map[string]string{}}
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	// A line that ends in a backslash goes on.
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		if err := r.instruction(word, rest); err != nil {
			return r, fmt.Errorf("%s: %s %s: %w", path, word, rest, err)
		}
	}
	return r, nil
}

func (r *recipe) instruction(word, rest string) error {
	switch word {
	case "FROM":
		r.config = v1.Config{}
	case "ARG":
		if name, value, given := strings.Cut(rest, "="); given {
			r.args[name] = value
		}
	case "ENV":
		if strings.ContainsAny(rest, " \"'$") || !strings.Contains(rest, "=") {
			return fmt.Errorf("give one NAME=VALUE, without quotes and variables")
		}
		r.config.Env = append(r.config.Env, rest)
	case "USER":
		r.config.User = rest
	case "WORKDIR":
		r.config.WorkingDir = rest
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(rest), &r.config.Entrypoint)
	case "CMD":
		return json.Unmarshal([]byte(rest), &r.config.Cmd)
	case "RUN", "COPY", "":
		// Files: engineless makes the same ones.
	default:
		if !strings.HasPrefix(word, "#") {
			return fmt.Errorf("unknown instruction: teach it to images/build")
		}
	}
	return nil
}
