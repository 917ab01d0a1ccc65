package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

const (
	// farAway is the round trip that is added before the API server.
	farAway = 50 * time.Millisecond
	// likeNear is how much longer a pushed read may take than without it, as the machine allows to measure.
	likeNear = 1.25
	// oneRoundTrip is how many of the line's round trips anything else may take: one, as precisely as can be measured.
	oneRoundTrip = 1.2
	// kubectlFar is how often kubectl is measured, which is slow.
	kubectlFar = 5
)

// measureFar measures operations through a line that makes the API server look far away, in turn with the same without.
func measureFar(_ context.Context, near *podWorld, scale scale) ([]figure, error) {
	pod, err := near.beginOps()
	if err != nil {
		return nil, err
	}
	line, roundTrip, err := near.line()
	if err != nil {
		return nil, err
	}
	defer line.close()
	far, err := near.through(line)
	if err != nil {
		return nil, err
	}
	figures := []figure{{name: "round trip of the line itself", value: duration(roundTrip)}}
	for _, op := range podOps {
		samples, err := stepsInTurn(scale.podCalls, op.steps(near,
			func() *exec.Cmd { return op.ours(near) },
			func() *exec.Cmd { return op.ours(far) })...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, op.fromFar(median(samples[0]), median(samples[1]), roundTrip))
		samples, err = stepsInTurn(kubectlFar, op.steps(near,
			func() *exec.Cmd { return op.theirs(near, pod) },
			func() *exec.Cmd { return op.theirs(far, pod) })...)
		if err != nil {
			return nil, err
		}
		f := op.fromFar(median(samples[0]), median(samples[1]), roundTrip)
		f.name, f.limit = "  by kubectl", ""
		figures = append(figures, f)
	}
	return figures, nil
}

// fromFar is an operation's figure, and how many round trips more it took than nearby.
func (op podOp) fromFar(near, far, roundTrip time.Duration) figure {
	trips := float64(far-near) / float64(roundTrip)
	f := figure{name: op.name, value: duration(far), against: fmt.Sprintf("without %s: %.2f round trips more", duration(near), trips), ratio: float64(far) / float64(near)}
	if op.pushed {
		f.limit, f.ok = fmt.Sprintf("as without (%gx)", likeNear), f.ratio <= likeNear
	} else {
		f.limit, f.ok = fmt.Sprintf("one round trip (%g)", oneRoundTrip), trips <= oneRoundTrip
	}
	return f
}

// line makes a line to the cluster's API server, and tells how long its round trip really is.
func (p *podWorld) line() (*delayLine, time.Duration, error) {
	roundTrip, err := measureLine()
	if err != nil {
		return nil, 0, err
	}
	server, err := url.Parse(p.cluster.Config.Host)
	if err != nil {
		return nil, 0, err
	}
	line, err := newDelayLine(server.Host, farAway)
	return line, roundTrip, err
}

// measureLine gives the round trip of a line to a server that does nothing but answer.
func measureLine() (time.Duration, error) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer server.Close()
	line, err := newDelayLine(server.Addr().String(), farAway)
	if err != nil {
		return 0, err
	}
	defer line.close()
	client, err := net.Dial("tcp", line.address())
	if err != nil {
		return 0, err
	}
	defer client.Close()
	answering, err := server.Accept()
	if err != nil {
		return 0, err
	}
	defer answering.Close()
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(answering, answering)
		echoed <- err
	}()
	const times = 20
	samples, err := inTurn(times, func() error {
		if _, err := client.Write([]byte("x")); err != nil {
			return err
		}
		_, err := client.Read(make([]byte, 1))
		return err
	})
	if err != nil {
		return 0, err
	}
	client.Close()
	<-echoed // its end may be told as an error
	return median(samples[0]), nil
}

// through gives the same world with the API server at the other end of a line. It has a hub of its own.
func (p *podWorld) through(line *delayLine) (*podWorld, error) {
	c := *p.cluster
	c.Kubeconfig = p.path("kubeconfig")
	if err := reroute(p.cluster.Kubeconfig, line.address(), c.Kubeconfig); err != nil {
		return nil, err
	}
	w := *p.world
	w.run = p.path("far")
	if err := os.Mkdir(w.run, 0o700); err != nil {
		return nil, err
	}
	w.env = append(append([]string{}, w.env...), "KUBECONFIG="+c.Kubeconfig, "XDG_RUNTIME_DIR="+w.run)
	p.atEnd = append(p.atEnd, func() {
		if err := w.stopHub(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	return &podWorld{world: &w, cluster: &c, namespace: p.namespace}, nil
}

// reroute writes a kubeconfig that leads to the same server at another address.
func reroute(from, address, to string) error {
	config, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return err
	}
	cluster := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	server, err := url.Parse(cluster.Server)
	if err != nil {
		return err
	}
	if cluster.TLSServerName == "" {
		cluster.TLSServerName = server.Hostname()
	}
	server.Host = address
	cluster.Server = server.String()
	return clientcmd.WriteToFile(*config, to)
}
