package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// What is copied: as many files, of so many bytes together, in folders of a hundred.
const (
	copiedFiles = 10_000
	copiedBytes = 200_000_000
)

// roomyPod has the folder that kubectl cp copies into where a session's workspace is: on the node's disk, not in the container's layers.
const roomyPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":0,
"volumes":[{"name":"workspace","emptyDir":{}}],"containers":[{"name":"agent","image":%q,"imagePullPolicy":"IfNotPresent","command":["sleep","infinity"],
"volumeMounts":[{"name":"workspace","mountPath":"/workspace"}],"resources":{"requests":{"cpu":"1m","memory":"8Mi"}}}]}}`

// measurePodCopy compares what a workspace adds to a session's start with kubectl cp of the same folder into a pod that is there. Each copy goes to a fresh
// pod, and all pods are removed at the end: removing as many files slows what comes after.
func measurePodCopy(_ context.Context, p *podWorld, scale scale) ([]figure, error) {
	var figures []figure
	for _, kind := range []string{"text", "noise"} {
		folder := p.path(kind)
		if err := fill(folder, kind == "noise"); err != nil {
			return nil, err
		}
		var ours, cp []time.Duration
		for i := range scale.podCopies {
			name := fmt.Sprint(kind, i)
			empty, err := timed(func() error { return p.launch("empty-"+name, wire.StartConfig{Command: "cat"}) })
			if err != nil {
				return nil, err
			}
			full, err := timed(func() error { return p.launch(name, wire.StartConfig{Command: "cat", WorkDir: folder}) })
			if err != nil {
				return nil, err
			}
			took, err := p.kubectlCopy(name, folder)
			if err != nil {
				return nil, err
			}
			ours, cp = append(ours, full-empty), append(cp, took)
		}
		figures = append(figures, atMost(0.5, fmt.Sprintf("a workspace of %d files, %d MB of %s", copiedFiles, copiedBytes/1_000_000, kind), median(ours), "kubectl cp", median(cp)))
	}
	return figures, nil
}

// kubectlCopy copies a folder into a fresh pod.
func (p *podWorld) kubectlCopy(name, folder string) (time.Duration, error) {
	pod := "cp-" + name
	apply := p.kubectl("apply", "-f", "-")
	apply.Stdin = strings.NewReader(fmt.Sprintf(roomyPod, pod, p.cluster.Image))
	if _, err := said(apply); err != nil {
		return 0, err
	}
	if _, err := said(p.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/"+pod)); err != nil {
		return 0, err
	}
	return timed(func() error {
		_, err := said(p.kubectl("cp", folder, pod+":/workspace/copy", "-c", "agent"))
		return err
	})
}

// fill makes the files: of all sizes around the mean, the same ones each time. Text is of words, as sources are; noise can't be compressed.
func fill(folder string, noise bool) error {
	random := rand.New(rand.NewPCG(1, 2))
	bytes := rand.NewChaCha8([32]byte{1})
	words := make([]string, 5000)
	for i := range words {
		word := make([]byte, 2+random.IntN(9))
		for j := range word {
			word[j] = byte('a' + random.IntN(26))
		}
		words[i] = string(word) + " "
	}
	for i := range copiedFiles {
		dir := filepath.Join(folder, fmt.Sprintf("folder%02d", i/100))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := fillFile(filepath.Join(dir, fmt.Sprintf("file%02d", i%100)), random, bytes, words, noise); err != nil {
			return err
		}
	}
	return nil
}

func fillFile(name string, random *rand.Rand, bytes *rand.ChaCha8, words []string, noise bool) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	left := int(random.ExpFloat64() * copiedBytes / copiedFiles)
	if noise {
		text := make([]byte, left)
		_, _ = bytes.Read(text) // never fails
		_, err := f.Write(text)
		return err
	}
	w := bufio.NewWriter(f)
	for left > 0 {
		// Some words are common, most are rare.
		word := words[min(int(random.ExpFloat64()*400), len(words)-1)]
		left -= len(word)
		if _, err := w.WriteString(word); err != nil {
			return err
		}
	}
	return w.Flush()
}
