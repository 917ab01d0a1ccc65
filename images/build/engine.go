package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// engine is a program that builds Dockerfiles.
type engine struct {
	name  string
	probe string                                  // fails where the program is there but can't build, as a docker client without its daemon
	save  func(name, file string) (args []string) // writes an image as an archive
}

var engines = []engine{
	{"docker", "version", func(name, file string) []string { return []string{"save", "-o", file, name} }},
	{"podman", "info", func(name, file string) []string {
		return []string{"save", "--format", "docker-archive", "-o", file, name}
	}},
	{"buildah", "info", func(name, file string) []string { return []string{"push", name, "docker-archive:" + file + ":" + name} }},
}

// probeWithin bounds how long an engine may take to say that it works: a client may wait long for a daemon on another machine.
const probeWithin = 10 * time.Second

// pickEngine returns the engine of that name, or the first that works for "auto". nil means that images are built without one.
func pickEngine(ctx context.Context, wanted string) (*engine, error) {
	if wanted == "none" {
		return nil, nil
	}
	known := wanted == "auto"
	for _, e := range engines {
		if wanted != "auto" && wanted != e.name {
			continue
		}
		known = true
		err := e.works(ctx)
		if err == nil {
			return &e, nil
		}
		if wanted != "auto" {
			return nil, fmt.Errorf("%s does not work here: %w", e.name, err)
		}
		if _, missing := exec.LookPath(e.name); missing == nil {
			say("%s does not work here: %v", e.name, err)
		}
	}
	if !known {
		return nil, fmt.Errorf("no engine %q: give docker, podman, buildah, none or auto", wanted)
	}
	return nil, nil
}

func (e engine) works(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, e.name, e.probe).CombinedOutput()
	if err != nil && len(out) > 0 {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return err
}

func (e *engine) build(ctx context.Context, o order, im image, file string) error {
	args := []string{"build", "-f", filepath.Join(o.root, im.dockerfile), "-t", im.name, "--platform", "linux/" + o.arch,
		"--build-arg", "TARGETARCH=" + o.arch, "--build-arg", "AGENT_CLI=" + o.cli, o.root}
	if err := talk(ctx, e.name, args...); err != nil {
		return err
	}
	return talk(ctx, e.name, e.save(im.name, file)...)
}

// talk runs a program whose output people want to see as it comes. stdout stays ours.
func talk(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
