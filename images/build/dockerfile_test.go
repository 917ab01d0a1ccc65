package main

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const root = "../.."

func TestDockerfilesSayHowImagesRun(t *testing.T) {
	t.Parallel()
	agent, err := readDockerfile(filepath.Join(root, "images/agent/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"agentd"}, Cmd: []string{"init"}, User: "1000:1000", WorkingDir: "/workspace",
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
	}
	if !reflect.DeepEqual(agent.config, want) {
		t.Errorf("agent image: %+v, want %+v", agent.config, want)
	}
	for _, arg := range []string{"DEBIAN", "NODE_VERSION", "NPM_VERSION"} {
		if agent.args[arg] == "" {
			t.Errorf("the agent's Dockerfile gives no %s", arg)
		}
	}
}

func TestDockerfileThatWouldBeGuessedAtIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ENV A=\"b c\"", "ENV A b", "ENV A=$B", "VOLUME /x", "ENTRYPOINT agentd", "CMD [agentd]"} {
		file := filepath.Join(t.TempDir(), "Dockerfile")
		write(t, file, "FROM scratch\n"+text+"\n", 0o644)
		if _, err := readDockerfile(file); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want one that shows the line", text, err)
		}
	}
}
