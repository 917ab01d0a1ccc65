package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// engineless builds what the Dockerfiles say, without an engine.
type engineless struct{}

func (engineless) build(ctx context.Context, o order, im image, file string) error {
	r, err := readDockerfile(filepath.Join(o.root, im.dockerfile))
	if err != nil {
		return err
	}
	layers, err := im.layers(ctx, o, r)
	if err != nil {
		return err
	}
	return assemble(file, im.name, o.arch, r.config, layers)
}

func agentdLayers(_ context.Context, o order, _ recipe) ([]v1.Layer, error) {
	l, err := programLayer(o, "", "agentd")
	return []v1.Layer{l}, err
}

func clientLayers(_ context.Context, o order, _ recipe) ([]v1.Layer, error) {
	l, err := programLayer(o, "usr/local/bin", clients...)
	return []v1.Layer{l}, err
}

// programLayer is some of the project's programs in a folder.
func programLayer(o order, folder string, programs ...string) (v1.Layer, error) {
	ingredients := []string{folder}
	for _, p := range programs {
		content, err := os.ReadFile(o.binary(p))
		if err != nil {
			return nil, err
		}
		ingredients = append(ingredients, p, string(content))
	}
	return cached(o.cache, programs[0], ingredients, func(w *tar.Writer) error {
		for _, p := range programs {
			if err := addFile(w, o.binary(p), path.Join(folder, p)); err != nil {
				return err
			}
		}
		return nil
	})
}

// agentLayers go from what changes least to what changes most.
func agentLayers(ctx context.Context, o order, r recipe) ([]v1.Layer, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != o.arch {
		return nil, fmt.Errorf("an agent image for linux/%s needs docker, podman or buildah on this machine (%s/%s)", o.arch, runtime.GOOS, runtime.GOARCH)
	}
	base, err := debianLayer(ctx, o, r.args["DEBIAN"])
	if err != nil {
		return nil, err
	}
	layers := []v1.Layer{base}
	npm := npm{o: o, node: r.args["NODE_VERSION"], npm: r.args["NPM_VERSION"]}
	node, err := npm.nodeLayer(ctx)
	if err != nil {
		return nil, err
	}
	layers = append(layers, node)
	if o.cli != "" {
		cli, err := npm.cliLayer(ctx)
		if err != nil {
			return nil, err
		}
		layers = append(layers, cli)
	}
	agentd, err := programLayer(o, "usr/local/bin", "agentd")
	return append(layers, agentd), err
}

// debianLayer is a small Debian with the image's packages, and setup run in it.
func debianLayer(ctx context.Context, o order, suite string) (v1.Layer, error) {
	folder := filepath.Join(o.root, "images/agent")
	packages, err := os.ReadFile(filepath.Join(folder, "packages.txt"))
	if err != nil {
		return nil, err
	}
	setup, err := os.ReadFile(filepath.Join(folder, "setup"))
	if err != nil {
		return nil, err
	}
	return cached(o.cache, "debian", []string{suite, o.arch, string(packages), string(setup)}, func(w *tar.Writer) error {
		if err := need(ctx, o, "mmdebstrap"); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "mmdebstrap", append([]string{
			"--mode=auto", "--variant=apt", "--quiet", "--format=tar", "--include=" + strings.Join(strings.Fields(string(packages)), ","),
			"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/info/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
			"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
			`--customize-hook=chroot "$1" sh -s <"$SETUP"`, suite, "-"}, sources(suite)...)...)
		cmd.Env = append(os.Environ(), "SETUP="+filepath.Join(folder, "setup"), fmt.Sprint("SOURCE_DATE_EPOCH=", madeAt.Unix()))
		cmd.Stderr = os.Stderr
		root, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		copied := addRoot(w, root)
		if copied != nil {
			root.Close() // or it would wait for ever for somebody to read on
		}
		if err := cmd.Wait(); err != nil {
			return errors.Join(copied, fmt.Errorf("mmdebstrap: %w", err))
		}
		return copied
	})
}

// sources are this machine's own of the same Debian, as it may have a mirror nearby. Elsewhere mmdebstrap knows where to look.
func sources(suite string) []string {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil || !strings.Contains(string(release), "\nID=debian\n") || !strings.Contains(string(release), "VERSION_CODENAME="+suite+"\n") {
		return nil
	}
	var files []string
	for _, file := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"} {
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}

// need installs a program that the build wants where this user may, and otherwise says what to install.
func need(ctx context.Context, o order, program string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	return talk(ctx, filepath.Join(o.root, "test/needs"), program)
}

// assemble writes an image as an archive.
func assemble(file, imageName, arch string, config v1.Config, layers []v1.Layer) error {
	tag, err := name.NewTag(imageName) // as docker takes it: neither a registry nor a tag must be named
	if err != nil {
		return fmt.Errorf("image name %q: %w", imageName, err)
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Config: config, Created: v1.Time{Time: madeAt}, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return err
	}
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		return err
	}
	return tarball.WriteToFile(file, tag, img)
}
