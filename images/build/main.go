// Command build makes the project's images, the agent's and those that carry just agentd and just gcctl, as archives in dist/ that docker, podman, kind
// and containerd import.
//
// Where docker, podman or buildah is present and works, it builds the Dockerfiles. Where none is, build does what they say by itself: it unpacks
// Debian's packages with mmdebstrap and npm's with npm, and packs the result. Such an image is the same, byte for byte, whenever its parts are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
)

// order is what to make and from what.
type order struct {
	root   string // the repository
	dist   string // receives the archives
	arch   string // as Go names it
	agent  string // names of the images
	agentd string
	gcctl  string
	cli    string // npm package of the agent CLI; empty for none
	cache  string // keeps layers from run to run
}

// binary is where `make image` and `make cross` leave a program, and the Dockerfiles look for it.
func (o order) binary(program string) string {
	return filepath.Join(o.root, "dist", "linux-"+o.arch, program)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o order
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.dist, "dist", "dist", "folder that receives the archives")
	flags.StringVar(&o.arch, "arch", runtime.GOARCH, "architecture of the images")
	flags.StringVar(&o.agent, "agent", "localhost/agent:dev", "name of the agent image")
	flags.StringVar(&o.agentd, "agentd", "localhost/agentd:dev", "name of the image that carries just agentd")
	flags.StringVar(&o.gcctl, "gcctl", "localhost/gcctl:dev", "name of the image that carries gcctl and gc's programs for Kubernetes")
	flags.StringVar(&o.cli, "cli", "", "npm package of the agent CLI, as name@version; empty for none")
	flags.StringVar(&o.cache, "cache", "", "folder that keeps layers (agentd-images in the user's cache)")
	wanted := flags.String("engine", "auto", "docker, podman, buildah, none, or auto for the first of them that works")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, given := range []*string{&o.agent, &o.agentd, &o.gcctl} {
		var err error
		if *given, err = tagged(*given); err != nil {
			return err
		}
	}
	if o.cache == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find a folder for layers (give one with -cache): %w", err)
		}
		o.cache = filepath.Join(cache, "agentd-images")
	}
	for _, program := range append([]string{"agentd"}, clients...) {
		if err := checkBinary(o.binary(program), o.arch); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.dist, 0o755); err != nil {
		return err
	}
	e, err := pickEngine(ctx, *wanted)
	if err != nil {
		return err
	}
	var build builder = e
	if e == nil {
		build = engineless{}
	}
	for _, im := range []image{
		{dockerfile: "images/agentd/Dockerfile", name: o.agentd, archive: filepath.Join(o.dist, "agentd.tar"), layers: agentdLayers, limit: agentdLimit},
		{dockerfile: "images/gcctl/Dockerfile", name: o.gcctl, archive: filepath.Join(o.dist, "gcctl.tar"), layers: clientLayers},
		{dockerfile: "images/agent/Dockerfile", name: o.agent, archive: filepath.Join(o.dist, "agent.tar"), layers: agentLayers},
	} {
		if err := produce(ctx, build, o, im); err != nil {
			return fmt.Errorf("build %s: %w", im.name, err)
		}
	}
	return nil
}

// tagged gives an image's name with its tag, which need not be named any more than with docker. Without one docker would save what has any tag of that name.
func tagged(imageName string) (string, error) {
	tag, err := name.NewTag(imageName)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", imageName, err)
	}
	return strings.TrimSuffix(imageName, ":"+tag.TagStr()) + ":" + tag.TagStr(), nil
}

// builder builds an image into a file.
type builder interface {
	build(ctx context.Context, o order, im image, file string) error
}

// produce builds one image, looks at what came out, and puts it in its place only if it is right.
func produce(ctx context.Context, b builder, o order, im image) error {
	unfinished := im.archive + ".unfinished"
	os.Remove(unfinished)
	defer os.Remove(unfinished)
	if err := b.build(ctx, o, im, unfinished); err != nil {
		return err
	}
	s, err := measure(unfinished)
	if err != nil {
		return err
	}
	if im.limit > 0 && s.unpacked > im.limit {
		return fmt.Errorf("it has %s, more than the %s it may have", megabytes(s.unpacked), megabytes(im.limit))
	}
	if err := os.Rename(unfinished, im.archive); err != nil {
		return err
	}
	fmt.Printf("%s  %s  %s packed, %s unpacked\n", im.archive, im.name, megabytes(s.packed), megabytes(s.unpacked))
	return nil
}
