package main

import (
	"archive/tar"
	"context"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// npm makes the layers that come from npm's registry: node is there too, as a package for each platform, and newer than Debian's.
type npm struct {
	o         order
	node, npm string // versions
}

// npmArch is node's name of an architecture.
var npmArch = map[string]string{"amd64": "x64", "arm64": "arm64"}

var quiet = []string{"--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"}

// nodeLayer is node and npm in /usr/local, where node's own images have them.
func (n npm) nodeLayer(ctx context.Context) (v1.Layer, error) {
	return cached(n.o.cache, "node", []string{n.o.arch, n.node, n.npm}, func(w *tar.Writer) error {
		modules, remove, err := n.fetchNode(ctx)
		if err != nil {
			return err
		}
		defer remove()
		if err := addFile(w, filepath.Join(modules, n.nodePackage(), "bin/node"), "usr/local/bin/node"); err != nil {
			return err
		}
		return addTree(w, filepath.Join(modules, "npm"), "usr/local/lib/node_modules/npm")
	})
}

// cliLayer is the agent CLI, installed by the node and npm of the image: those of this machine may be too old for it.
func (n npm) cliLayer(ctx context.Context) (v1.Layer, error) {
	return cached(n.o.cache, "cli", []string{n.o.arch, n.node, n.npm, n.o.cli}, func(w *tar.Writer) error {
		modules, remove, err := n.fetchNode(ctx)
		if err != nil {
			return err
		}
		defer remove()
		prefix, err := os.MkdirTemp(n.o.cache, "unfinished-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(prefix)
		bin := filepath.Join(modules, n.nodePackage(), "bin")
		args := append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "node", filepath.Join(modules, "npm/bin/npm-cli.js"),
			"install", "--global", "--prefix", prefix, "--allow-scripts=" + n.o.cli}, quiet...)
		if err := talk(ctx, "env", append(args, n.o.cli)...); err != nil {
			return err
		}
		return addTree(w, prefix, "usr/local")
	})
}

func (n npm) nodePackage() string { return "node-linux-" + npmArch[n.o.arch] }

// fetchNode unpacks node and npm into a folder of their own.
func (n npm) fetchNode(ctx context.Context) (modules string, remove func(), err error) {
	program, err := exec.LookPath("npm")
	if err != nil {
		if err := need(ctx, n.o, "npm"); err != nil {
			return "", nil, err
		}
		program = "npm"
	}
	dir, err := os.MkdirTemp(n.o.cache, "unfinished-")
	if err != nil {
		return "", nil, err
	}
	args := append([]string{"install", "--prefix", dir, "--no-package-lock", "--ignore-scripts"}, quiet...)
	if err := talk(ctx, program, append(args, n.nodePackage()+"@"+n.node, "npm@"+n.npm)...); err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return filepath.Join(dir, "node_modules"), func() { os.RemoveAll(dir) }, nil
}
